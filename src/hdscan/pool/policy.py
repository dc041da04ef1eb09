"""What the user set that the pool obeys."""

import msgspec


class Policy(msgspec.Struct, frozen=True):
    """The settings of [scan] that the pool obeys; seconds, and failures for `breaker_threshold`."""

    backoff_base: float = 1.0
    backoff_max: float = 30.0
    outage_limit: float = 600.0
    breaker_threshold: int = 3
    breaker_cooldown: float = 30.0
    electrum_servers: int = 8
