"""A host as configured: URL, protocols, rates."""

from enum import StrEnum

import msgspec


class Cost(StrEnum):
    """What a provider counts against its rate."""

    CALL = "call"
    ITEM = "item"


class Endpoint(msgspec.Struct, frozen=True):
    """A host and key: owns rate, quota and pause, which all its protocols share.

    `url` is the full base and may hold a key; only its scheme and host are ever shown. `rate` is calls (or items, see
    `cost`) per second; the other windows are None where unpublished. `batch` caps the items per call. `disabled` is why it
    is off, e.g. a missing key, or None. `tls` is the certificate that an Electrum host must present: one that the "system"
    trusts, the one that it presented first ("pin"), or the one with this fingerprint ("sha256:…").
    """

    name: str
    chain: str
    protocols: tuple[str, ...]
    url: str
    rate: float
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    cost: Cost = Cost.CALL
    batch: int | None = None
    operator: str | None = None
    disabled: str | None = None
    tls: str = "system"

    def provider_name(self, protocol: str) -> str:
        """The endpoint's name, followed by the protocol if it has several."""
        return self.name if len(self.protocols) == 1 else f"{self.name}/{protocol}"
