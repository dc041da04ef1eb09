"""The wallets of a database: added, listed, renamed, labelled, exported."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Unpack

import msgspec

from hdscan.app.choices import Choices, Progress, Source, without_keys
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError
from hdscan.model.recast import recast
from hdscan.model.wallet import AddedWallet, AddressRow, Found, WalletRow
from hdscan.settings import Settings
from hdscan.store import Store


class Wallets:
    """The part of `Wallet` that is about wallets: it raises InputError, KeyFault and StoreError, which never repeat a key."""

    settings: Settings
    store: Store

    async def add(self, *sources: Source, progress: Progress | None = None, **choices: Unpack[Choices]) -> list[AddedWallet]:
        """Add the wallets that sources describe, or extend those that there are, all or none; each says what it was taken for.

        A source is a file's path, addresses, an extended public key, a descriptor, or what a wallet exports. With a bad line
        of a list nothing is added unless `skip_invalid`; the list alone comes back, and its `bad` tells them.
        """
        from hdscan.app.adding import Adder

        return await asyncio.to_thread(Adder(self.settings, choices, self.store, progress).add, sources)

    async def add_seed(
        self, words: str, passphrase: str = "", *, progress: Progress | None = None, **choices: Unpack[Choices]
    ) -> list[AddedWallet]:
        """Add the wallet of a BIP-39 mnemonic; nothing private is kept."""
        from hdscan.app.adding import Adder

        return await asyncio.to_thread(Adder(self.settings, choices, self.store, progress).add_seed, words, passphrase)

    def recognise(self, source: Source, **choices: Unpack[Choices]) -> list[Found]:
        """What `add` would take a source for, with its first addresses; nothing is stored."""
        from hdscan.app.adding import Recogniser

        return Recogniser(self.settings, choices).recognised(source)

    def recognise_seed(self, words: str, passphrase: str = "", **choices: Unpack[Choices]) -> list[Found]:
        """What `add_seed` would take a mnemonic for, with its first addresses; nothing is stored."""
        from hdscan.app.adding import Recogniser

        return [Recogniser(self.settings, choices).of_words(words, passphrase)]

    def wallets(self, name: str | None = None) -> list[WalletRow]:
        """Every wallet in order of arrival, or the one of a name (InputError where there is none)."""
        return self.store.wallets.rows(name)

    def rename(self, old: str, new: str) -> None:
        """Give a wallet another name; InputError where another one has it."""
        self.store.wallets.rename(old, without_keys(new))

    def remove(self, name: str) -> None:
        """Forget a wallet and its keys; addresses that no other wallet has leave all reports."""
        self.store.wallets.remove(name)

    def label(self, address: str, text: str | None, chain: str | None = None) -> int:
        """Call an address something, or nothing any more; on how many chains. InputError where no wallet has the address."""
        from hdscan.keys.address import forms

        chains = list(self.settings.chains.values()) if chain is None else [self.settings.chain(chain)]
        text = None if text is None else without_keys(text)
        labelled = sum(self.store.wallets.label(form, text, each.id) for each, form in forms(chains, address))
        if text is not None and not labelled:
            raise InputError("this address is not among those of the wallets; add it with: hdscan add ADDRESS")
        return labelled

    def labels(self, name: str) -> Iterator[str]:
        """The labels of a wallet's addresses as lines of JSON (BIP-329)."""
        for label in self.store.wallets.labels(name):
            yield msgspec.json.encode({"type": "addr", "ref": label.address, "label": label.text}).decode()

    def descriptors(self, name: str) -> list[str]:
        """What the active branches of a wallet are derived from: descriptors with checksums, or key expressions.

        Receiving and change branch of one key are one with <0;1> (BIP-389). InputError where nothing is kept.
        """
        from hdscan.keys.export import exported

        sources = [[branch for branch in account if not branch.dormant] for account in self.store.wallets.sources(name)]
        kept = [text for account in sources for text in exported(account)]
        if not kept:
            raise InputError(
                f"of the wallet {name!r} nothing is kept that addresses can be derived from; list them with: hdscan addresses"
            )
        return list(dict.fromkeys(kept))

    def addresses(self, chain: str | None = None, wallet: str | None = None) -> Iterator[AddressRow]:
        """The addresses of all wallets or of one, in order of chain and index."""
        chains: Iterable[Chain] = self.settings.chains.values() if chain is None else [self.settings.chain(chain)]
        for each in chains:
            for row in self.store.balances.rows(each.id, each.symbol, wallet=wallet):
                yield recast(row, AddressRow)
