"""Wallets: named sources of addresses, as they are recognised, stored and shown."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hdscan.model.chain import BadLine
from hdscan.model.recast import recast

GAP = 20  # consecutive unused addresses that end a branch (BIP-44)


class WalletKind(StrEnum):
    """What a wallet was made of."""

    ADDRESSES = "addresses"
    KEY = "key"  # an extended public key
    DESCRIPTOR = "descriptor"
    MULTISIG = "multisig"
    SEED = "seed"  # a mnemonic, of which only public keys or addresses are kept


class Role(StrEnum):
    """What the addresses of a branch are for."""

    RECEIVE = "receive"
    CHANGE = "change"


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A key, a script and a path with one wildcard: addresses by position, from 0.

    `source` is what they are derived from: a descriptor with one `/*` (BIP-380), or its key expression alone on chains without
    scripts; None where no more addresses can be derived than are given (hardened steps, or the key is not kept).
    `path` has {} in place of the position, None where it is not known. `dormant`: looked at only once the account before it, of
    the same chain and style, is used (BIP-44).
    """

    chain: str
    role: Role
    style: str  # bip44, bip49, bip84, bip86, multisig, ledger-live, …: the name of its path or kind of script
    account: int = 0
    path: str | None = None
    source: str | None = None
    addresses: tuple[str, ...] = ()  # the first ones
    gap: int = GAP
    dormant: bool = False

    def __repr__(self) -> str:
        return f"<{self.role} branch of {self.style} on {self.chain}>"


class Label(msgspec.Struct, frozen=True):
    """What a user calls an address."""

    address: str
    text: str


class Listed(msgspec.Struct, frozen=True, gc=False):
    """An address of a list, in canonical form."""

    chain: str
    address: str
    label: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet as a source describes it; `said` are the decisions that were made for want of knowing, one sentence each."""

    kind: WalletKind
    name: str | None = None  # that the source gives it
    part: str | None = None  # tells it from the source's other wallets, as a second word of its name
    what: str  # what the source was taken for, as in "a Coldcard export", "an extended public key (zpub)"
    branches: tuple[Branch, ...] = ()
    listed: Iterable[Listed] = ()  # read once, as it may come from a file of a million lines
    labels: tuple[Label, ...] = ()
    said: tuple[str, ...] = ()
    bad: tuple[BadLine, ...] = ()  # of a list, known once it was read


class BranchStart(msgspec.Struct, frozen=True, kw_only=True):
    """Where a branch begins: its first address is to be compared with what the wallet itself shows."""

    chain: str
    role: Role
    style: str
    account: int
    path: str | None
    first: str | None  # None for one that is dormant
    addresses: int  # given at once
    kept: bool  # whether more addresses can be derived
    dormant: bool


def start_of(branch: Branch) -> BranchStart:
    """What is shown of a branch that a source describes; never what it is derived from."""
    first = next(iter(branch.addresses), None)
    return recast(branch, BranchStart, first=first, addresses=len(branch.addresses), kept=branch.source is not None)


class AddedWallet(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet that was added or extended: what `add --json` prints.

    `added` and `known` count its addresses on each chain: those new to the database, and those that it had. `bad` are the lines
    of a list without a usable address, and unless they are skipped nothing was added where there are any.
    """

    name: str
    kind: WalletKind
    what: str  # what the source was taken for
    chains: tuple[str, ...]
    added: int
    known: int
    said: tuple[str, ...] = ()  # what was decided for want of knowing, a sentence each
    bad: tuple[BadLine, ...] = ()
    branches: tuple[BranchStart, ...] = ()


class AddressRow(msgspec.Struct, frozen=True, kw_only=True):
    """An address: a line of `addresses --jsonl`; `index` is its number on its chain, None where it is not stored."""

    chain: str
    index: int | None
    path: str | None
    address: str
    label: str | None = None
    wallets: tuple[str, ...] = ()


class BranchRow(msgspec.Struct, frozen=True, kw_only=True):
    """A branch as shown; never what it is derived from.

    `used_to` is the last position known to be used, None where none is; `ended` whether `gap` addresses after it (or the first
    `gap`) are known to be unused; `unknown` counts those after it of which that is not known.
    """

    chain: str
    role: Role
    style: str
    account: int
    path: str | None
    first: str | None  # its first address, None for one that is dormant
    addresses: int
    used_to: int | None
    ended: bool
    unknown: int
    gap: int
    kept: bool  # whether more addresses can be derived


class WalletRow(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet as shown: a line of `wallets --jsonl`. An address on several chains counts on each."""

    name: str
    kind: WalletKind
    chains: tuple[str, ...]
    addresses: int
    used: int  # addresses that are known to be used
    funded: int  # addresses that hold something
    unread: int  # readings without a current amount
    last_scan: str | None  # RFC 3339 in UTC: the oldest of its addresses' last readings; None where one was never read
    branches: tuple[BranchRow, ...] = ()
