"""Every error of hdscan, with its stable code.

HdscanError                  code, sentence
├── InputError               bad_input     an address, key, file or argument that cannot be used
├── ConfigError              bad_config    hdscan.toml, the environment or a flag
├── KeyFault                 bad_key       an extended key, a mnemonic or their protection
├── StoreError               store         the database cannot be opened, read or written
│   └── LockedError          locked        another process is writing
├── ScanRefused              scan          a scan that cannot begin (nothing to scan, nothing to retry)
└── CallError                (its fault)   one call to one provider failed as a whole
"""

from enum import StrEnum


class HdscanError(Exception):
    """An error to show as one sentence: what failed, where, what to do."""

    code = "error"


class InputError(HdscanError):
    """An address, file or argument that cannot be used."""

    code = "bad_input"


class ConfigError(HdscanError):
    """A setting that is missing, unknown or of the wrong kind."""

    code = "bad_config"


class KeyFault(HdscanError):
    """An extended key or mnemonic that cannot be used; its text never holds the key."""

    code = "bad_key"


class StoreError(HdscanError):
    """The database cannot be opened, read or written; `may_pass` says that another try may succeed (disk full, locked)."""

    code = "store"

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class LockedError(StoreError):
    """Another process holds the writer's lock."""

    code = "locked"


class ScanRefused(HdscanError):
    """A scan that cannot begin."""

    code = "scan"


class ReadCode(StrEnum):
    """Why a reading or a whole call failed. Stable: scripts match on these."""

    TIMEOUT = "timeout"  # no reply within request_timeout
    UNREACHABLE = "unreachable"  # refused, reset, DNS, TLS
    SERVER_ERROR = "server_error"  # HTTP 5xx, an unexpected status, or a node that lacks the state, syncs or failed inside
    MALFORMED = "malformed"  # a reply that is not what the protocol says
    THROTTLED = "throttled"  # 429 and its disguises, maintenance, a page that wants to see a browser
    QUOTA = "quota"  # 402 or a spent daily or monthly allowance
    BAD_KEY = "bad_key"  # 401/403: the provider refuses our key
    NOT_SERVED = "not_served"  # the provider does not serve this chain
    WRONG_CHAIN = "wrong_chain"  # the provider serves another chain
    CONTRADICTED = "contradicted"  # other operators agree against the provider
    UNCONFIRMED = "unconfirmed"  # one operator claims another amount than the known one, and no second could be asked
    REORG = "reorg"  # the block that it was read at was orphaned
    STALE = "stale"  # the provider's head is behind its peers'
    TOO_LARGE = "too_large"  # more items than the provider takes
    ITEM_ERROR = "item_error"  # the provider answered this item with an error
    REVERTED = "reverted"  # the contract call failed
    EMPTY = "empty"  # no contract answered: not a zero
    MISSING = "missing"  # the reply left this item out
    ABSENT = "absent"  # left out by a provider that omits zeros: no zero until another provider confirms it
    UNAVAILABLE = "unavailable"  # every provider is open, paused or out of quota for longer than a reading waits
    TOKEN_MISMATCH = "token_mismatch"  # by its contract the token is another than its row says
    NO_PROVIDER = "no_provider"  # no configured provider can read this


class ChainCode(StrEnum):
    """What a chain's `scan_error` is about. Stable: scripts match on these."""

    UNAVAILABLE = "unavailable"  # no provider answers, or one missed the final check
    REORG = "reorg"  # what a provider said of blocks that are gone is read again
    NOT_SERVED = "not_served"  # the provider does not serve this chain
    WRONG_CHAIN = "wrong_chain"  # a provider is quarantined
    CONTRADICTED = "contradicted"  # a provider is quarantined
    CANARY = "canary"  # a canary is empty
    TOKEN = "token"  # a token is read without proof
    END_UNKNOWN = "end_unknown"  # a wallet's branch may have more used addresses
    FAILED = "failed"  # the chain's scan ended


class CallError(HdscanError):
    """One call to one provider failed as a whole; `fault` decides its effect on breaker, limiter and readings.

    `wordless`: in a way that a host that is busy and one that is dead have in common (503, a refused or reset connection).
    """

    def __init__(
        self,
        fault: ReadCode,
        message: str,
        *,
        retry_after: str | None = None,
        date: str | None = None,
        wordless: bool = False,
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.retry_after = retry_after  # both are raw headers of the reply, parsed where the time is known
        self.date = date
        self.wordless = wordless
