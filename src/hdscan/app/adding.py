"""Adds wallets: recognises what is given, and stores it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain as joined
from itertools import islice

import msgspec

from hdscan.app.choices import Choices, Progress, Source, without_keys
from hdscan.app.source import Given, opened
from hdscan.chains import Script
from hdscan.keys.chain_names import EVERY_EVM
from hdscan.keys.listing import Listing
from hdscan.keys.options import Options
from hdscan.keys.secret import masked
from hdscan.keys.seed import of_seed
from hdscan.keys.source import recognise
from hdscan.model.chain import BadLine, Family
from hdscan.model.errors import InputError
from hdscan.model.recast import recast
from hdscan.model.wallet import GAP, AddedWallet, Found, Listed, WalletKind, start_of
from hdscan.settings import Settings
from hdscan.store import Store
from hdscan.store.wallets import Add

MOST = 1_000_000  # addresses of a branch that are given at once
MOST_ACCOUNTS = 1000
LONGEST_GAP = 10_000
MOST_BAD = 10_000  # lines without an address before the first that has one
LONGEST_NAME = 80  # characters of a name that was not chosen
_FOR = {  # what may be chosen of which wallets
    "script": (WalletKind.KEY, WalletKind.SEED),
    "path": (WalletKind.KEY, WalletKind.SEED),
    "accounts": (WalletKind.SEED,),
}
_FEW = 1000  # addresses of a list whose chains name it


class _NothingAdded(Exception):
    """Rolls back what was added, since a list has bad lines, which `told` tells."""

    def __init__(self, told: AddedWallet) -> None:
        super().__init__()
        self.told = told


class Recogniser:
    """Tells what sources are, by what was chosen for them. InputError for what cannot be chosen."""

    def __init__(self, settings: Settings, choices: Choices) -> None:
        if unknown := set(choices) - set(Choices.__annotations__):
            raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
        script, gap = choices.get("script"), choices.get("gap")
        if script is not None and script not in tuple(Script):
            raise InputError(f"there is no such script; there are {', '.join(Script)}")
        self._settings = settings
        self._choices = choices
        self._options = Options(
            chains=settings.chains,
            only=tuple(choices.get("chains", ())),
            script=None if script is None else Script(script),
            path=choices.get("path"),
            accounts=_within(choices.get("accounts"), MOST_ACCOUNTS, "the number of accounts"),
            gap=_within(gap, LONGEST_GAP, "the gap") or GAP,
            count=_within(choices.get("count"), MOST, "the number of addresses of a branch"),
            forget=choices.get("forget_key", False),
        )
        self._chosen = self._options.chosen()

    def recognised(self, source: Source) -> list[Found]:
        """The wallets of a source; KeyFault and InputError, which never repeat a key."""
        with opened(source) as given, given.named():
            found = self._of_keys(given)
            if found is None:
                entries = self._list(given, skip_invalid=True)
                found = [entries.found(tuple(entries.read()))]
            return found

    def of_words(self, words: str, passphrase: str) -> Found:
        """The wallet of a mnemonic; KeyFault and InputError, which never repeat a word."""
        return of_seed(words, passphrase, self._options)

    def _of_keys(self, given: Given) -> list[Found] | None:
        found = None if given.text is None else recognise(given.text, self._options)
        return found and [msgspec.structs.replace(each, said=(*each.said, *self._unused(each.kind))) for each in found]

    def _unused(self, kind: WalletKind) -> list[str]:
        """What was chosen in vain, a sentence each: a descriptor says its scripts and paths itself."""
        chosen = [name for name in _FOR if self._choices.get(name) is not None and kind not in _FOR[name]]
        return [f"--{name} is not used: it is for {' and '.join(f'a {each}' for each in _FOR[name])}" for name in chosen]

    def _list(self, given: Given, *, skip_invalid: bool) -> "_List":
        listing = Listing(tuple(self._settings.chains.values()), self._chosen)
        return _List(listing, given, self._unused(WalletKind.ADDRESSES), skip_invalid=skip_invalid)


class Adder(Recogniser):
    """Stores what sources are."""

    def __init__(self, settings: Settings, choices: Choices, store: Store, progress: Progress | None) -> None:
        super().__init__(settings, choices)
        self._store = store
        self._progress = progress

    def add(self, sources: Iterable[Source]) -> list[AddedWallet]:
        """Store the wallets of all sources, or none: a list with bad lines that are not to be skipped comes back alone."""
        with ExitStack() as files:
            read: list[tuple[Given, list[Found] | None]] = []
            for source in sources:
                given = files.enter_context(opened(source))
                with given.named():
                    read.append((given, self._of_keys(given)))
            try:
                with self._store.wallets.adding(time.time(), self._progress) as store:
                    return [each for given, found in read for each in self._add(store, given, found)]
            except _NothingAdded as error:
                return [error.told]

    def add_seed(self, words: str, passphrase: str) -> list[AddedWallet]:
        """Store the wallet of a mnemonic without anything private."""
        found = self.of_words(words, passphrase)
        with self._store.wallets.adding(time.time(), self._progress) as store:
            return [self._stored(store, found, None, _chains(found))]

    def _add(self, store: Add, given: Given, found: list[Found] | None) -> list[AddedWallet]:
        with given.named():
            if found is None:
                return [self._add_list(store, given)]
            return [self._stored(store, each, given.name, _chains(each), several=len(found) > 1) for each in found]

    def _add_list(self, store: Add, given: Given) -> AddedWallet:
        entries = self._list(given, skip_invalid=self._choices.get("skip_invalid", False))
        rest = entries.read()
        begin = list(islice(rest, _FEW))
        added = self._stored(store, entries.found(joined(begin, rest)), given.name, {each.chain for each in begin})
        read = entries.found(())
        return msgspec.structs.replace(added, what=read.what, said=read.said, bad=read.bad)

    def _stored(self, store: Add, found: Found, file: str | None, chains: set[str], *, several: bool = False) -> AddedWallet:
        chosen = self._choices.get("name")
        if chosen is not None:
            without_keys(chosen)
        own = _printable(found.name)
        name = chosen or own or _printable(file) or self._called(found.kind, chains)
        if several and (part := found.part or (own if chosen else None)):
            name = f"{name} {part}"
        numbered = several or chosen is None
        try:
            added = store(name, found, numbered)
        except InputError as error:
            if not several or not (which := found.part or own):
                raise
            raise InputError(f"{which}: {error}") from None
        labels = _labels(len({each.address for each in found.labels}), added.labels)
        return recast(
            found,
            AddedWallet,
            name=added.name,
            chains=added.chains,
            added=added.added,
            known=added.known,
            said=(*found.said, *labels),
            branches=tuple(map(start_of, found.branches)),
        )

    def _called(self, kind: WalletKind, chains: set[str]) -> str:
        """A name for want of one: the kind, with the chain where there is one, or all are EVM chains."""
        if len(chains) == 1:
            return f"{min(chains)} {kind}"
        evm = chains and all(self._settings.chains[chain].family is Family.EVM for chain in chains)
        return f"{EVERY_EVM} {kind}" if evm else str(kind)


class _List:
    """A list of addresses while it is read."""

    def __init__(self, listing: Listing, given: Given, unused: list[str], *, skip_invalid: bool) -> None:
        self._listing = listing
        self._unused = unused
        self._given = given
        self._skip_invalid = skip_invalid
        self._good = 0
        self._bad: list[BadLine] = []

    def read(self) -> Iterator[Listed]:
        """Its addresses. At its end, InputError where there are none, _NothingAdded where bad lines may not be skipped."""
        is_list = False
        for entry in self._listing.read(self._given.lines):
            if isinstance(entry, BadLine):
                self._bad.append(entry)
                if len(self._bad) >= MOST_BAD and not is_list:
                    raise InputError(f"this is no list of addresses: its first {MOST_BAD:,} lines have none")
                continue
            is_list = True
            if self._skip_invalid or not self._bad:
                self._good += 1
                yield entry
        if self._bad and self._given.typed:
            raise InputError(f"this {self._bad[0].reason}")
        if self._bad and not self._skip_invalid:
            read, name = self.found(()), _printable(self._given.name) or str(WalletKind.ADDRESSES)
            raise _NothingAdded(recast(read, AddedWallet, name=name, chains=(), added=0, known=0, branches=()))
        if not self._good:
            raise InputError("there is no address in it")

    def found(self, listed: Iterable[Listed]) -> Found:
        """The wallet of these addresses, with what is known of the list as far as it was read."""
        what, said = self._listing.what, (*self._listing.said, *self._unused)
        return Found(kind=WalletKind.ADDRESSES, what=what, listed=listed, said=said, bad=tuple(self._bad))


def _chains(found: Found) -> set[str]:
    return {branch.chain for branch in found.branches}


def _labels(given: int, placed: int) -> list[str]:
    """What became of a source's labels, which are of so many addresses."""
    said = [f"{placed:,} {'address is' if placed == 1 else 'addresses are'} labelled"] if given else []
    if more := given - placed:
        said.append(f"{more:,} labels are of addresses that no wallet has yet, and are left out: add them again after a scan")
    return said


def _within(value: int | None, most: int, what: str) -> int | None:
    if value is not None and not 1 <= value <= most:
        raise InputError(f"{what} is from 1 to {most:,}")
    return value


def _printable(name: str | None) -> str | None:
    """A name that was not chosen, without what cannot be shown, and none that holds what looks like a key."""
    text = " ".join("".join(each if each.isprintable() else " " for each in name or "").split())
    return text[:LONGEST_NAME].strip() if text and masked(text) == text else None
