"""Wallets over HTTP: listed, recognised before they are stored, added, renamed, removed, and their addresses' labels."""

import asyncio
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from litestar.types import Scope

from hdscan.app import Wallet
from hdscan.model.chain import BadLine
from hdscan.model.errors import InputError
from hdscan.model.recast import recast
from hdscan.model.scan import AssetTotal
from hdscan.model.wallet import AddedWallet, BranchStart, Found, WalletKind, WalletRow, start_of
from hdscan.web.described import CHANGES, READS, errors
from hdscan.web.problem import Problem
from hdscan.web.totals_cache import TotalsCache

BAD_SHOWN = 100  # bad lines listed in a response

ONE = errors(404)

Opened = NamedDependency[Wallet]
Totals = NamedDependency[TotalsCache]
Searches = NamedDependency[asyncio.Semaphore]
Called = NamedDependency[str]


class WalletAnswer(WalletRow, frozen=True, kw_only=True):
    """A wallet with the totals of its assets."""

    totals: tuple[AssetTotal, ...]


class WalletList(msgspec.Struct, frozen=True):
    """Every wallet."""

    items: tuple[WalletAnswer, ...]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a wallet is made of: either `text` or a `file` in base64; the rest are the options of `hdscan add`."""

    text: str | None = None
    file: bytes | None = None
    chains: tuple[str, ...] = ()
    name: str | None = None
    script: str | None = None
    path: str | None = None
    accounts: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    gap: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    forget_key: bool = False
    skip_invalid: bool = False

    def options(self) -> dict[str, Any]:
        """What is given of the arguments of `Wallet.recognise` and `Wallet.add`."""
        given = msgspec.structs.asdict(self)
        return {name: value for name, value in given.items() if name not in ("text", "file") and value is not None}

    def content(self) -> bytes:
        """The text or the file, as bytes: a text could name a file of this machine. InputError for both, or neither."""
        if (self.text is None) == (self.file is None):
            raise InputError("give either text or a file in base64")
        return self.file or b"" if self.text is None else self.text.encode(errors="replace")


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """What a source would become: a wallet that was not stored."""

    kind: WalletKind
    name: str | None  # that the source gives it
    what: str
    chains: tuple[str, ...]
    addresses: int  # given at once
    labels: int
    said: tuple[str, ...]
    branches: tuple[BranchStart, ...]
    bad: tuple[BadLine, ...]  # the first 100
    bad_lines: int


class Preview(msgspec.Struct, frozen=True):
    """The wallets of a source."""

    wallets: tuple[Recognised, ...]


class Added(msgspec.Struct, frozen=True):
    """The wallets that were added or extended."""

    wallets: tuple[AddedWallet, ...]


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a wallet is to be called."""

    name: str


class SetLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an address is to be called, on one chain or on all that it is on; an empty text takes its label away."""

    address: str
    text: str
    chain: str | None = None


class Labelled(msgspec.Struct, frozen=True):
    """On how many chains an address was labelled."""

    addresses: int


class Wallets(Controller):
    """Wallets, and what their addresses are called."""

    @get("/wallets", responses=READS)
    async def wallets(self, opened: Opened, totals: Totals, searches: Searches) -> WalletList:
        """Every wallet, with its branches and totals."""
        async with searches:
            rows = await asyncio.to_thread(opened.wallets)
            return WalletList(tuple([await asyncio.to_thread(_answer, row, totals) for row in rows]))

    @get("/wallets/{name:path}", sync_to_thread=True, responses=READS | ONE)
    def wallet(self, opened: Opened, totals: Totals, called: Called) -> WalletAnswer:
        """One wallet."""
        return _answer(_known(opened, called), totals)

    @post("/recognise", status_code=200, responses=CHANGES)
    async def recognise(self, opened: Opened, searches: Searches, data: JSONBody[Source]) -> Preview:
        """What a source would become, with the first addresses to compare; nothing is stored."""
        content, options = data.content(), data.options()
        async with searches:
            return await asyncio.to_thread(lambda: Preview(tuple(map(_recognised, opened.recognise(content, **options)))))

    @post("/wallets", status_code=200, responses=CHANGES)
    async def add(self, opened: Opened, totals: Totals, data: JSONBody[Source]) -> Added:
        """Add what a source describes, or extend it; a bad line of a list rejects all unless `skip_invalid`."""
        done = await opened.add(data.content(), **data.options())
        totals.invalidate()
        bad = [line for each in done for line in each.bad]
        if bad and not data.skip_invalid:
            lines = "1 line" if len(bad) == 1 else f"{len(bad):,} lines"
            text = f"{lines} cannot be used, so nothing was added; correct them, or skip them with skip_invalid"
            raise Problem(422, text, code=InputError.code, detail={"bad": bad[:BAD_SHOWN]})
        return Added(tuple(msgspec.structs.replace(each, bad=each.bad[:BAD_SHOWN]) for each in done))

    @patch("/wallets/{name:path}", sync_to_thread=True, responses=CHANGES | ONE)
    def rename(self, opened: Opened, totals: Totals, called: Called, data: JSONBody[Rename]) -> WalletAnswer:
        """Rename a wallet."""
        _known(opened, called)
        opened.rename(called, data.name)
        totals.invalidate()
        return _answer(_known(opened, data.name.strip()), totals)

    @delete("/wallets/{name:path}", status_code=204, sync_to_thread=True, responses=CHANGES | ONE)
    def remove(self, opened: Opened, totals: Totals, called: Called) -> None:
        """Remove a wallet; addresses that another wallet has, too, stay."""
        _known(opened, called)
        opened.remove(called)
        totals.invalidate()

    @put("/labels", sync_to_thread=True, responses=CHANGES)
    def label(self, opened: Opened, data: JSONBody[SetLabel]) -> Labelled:
        """Label an address."""
        return Labelled(opened.label(data.address, data.text or None, data.chain))


def called(name: FromPath[str], scope: Scope) -> str:
    """The name of a wallet as it stands in a path: the router would tidy up the slashes in it, which may name another."""
    return unquote(scope["raw_path"].decode("latin-1").partition("/wallets/")[2]) or name


def _known(opened: Wallet, name: str) -> WalletRow:
    for row in opened.wallets():
        if row.name == name:
            return row
    raise NotFoundException("there is no wallet of this name")


def _answer(row: WalletRow, totals: TotalsCache) -> WalletAnswer:
    held = tuple(each for each in totals.of(None, None, row.name) if each.addresses)
    return recast(row, WalletAnswer, totals=held)


def _recognised(found: Found) -> Recognised:
    branches, listed = tuple(map(start_of, found.branches)), tuple(found.listed)
    chains = dict.fromkeys([*(each.chain for each in branches), *(each.chain for each in listed)])
    return Recognised(
        kind=found.kind,
        name=" ".join(each for each in (found.name, found.part) if each) or None,
        what=found.what,
        chains=tuple(chains),
        addresses=sum(each.addresses for each in branches) + len(listed),
        labels=len(found.labels),
        said=found.said,
        branches=branches,
        bad=found.bad[:BAD_SHOWN],
        bad_lines=len(found.bad),
    )
