"""Wallets: named sources of addresses, added whole or not at all."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import text

from hdscan.model.errors import InputError
from hdscan.model.wallet import Branch, Found, Label, Role, WalletRow
from hdscan.store import adding, addresses, members, wallet_rows
from hdscan.store.adding import LABEL, Added, Progress, valid_name
from hdscan.store.blocks import Blocks
from hdscan.store.spans import Span

Add = Callable[[str, Found, bool], Added]  # a name, what is found of it, and whether the name may be numbered

_RENAME = text("UPDATE wallet SET name = :name WHERE id = :wallet")
_REMOVE = tuple(
    text(f"DELETE FROM {table} WHERE {column} = :wallet")  # noqa: S608 own constants
    for table, column in (("member", "wallet_id"), ("branch", "wallet_id"), ("wallet", "id"))
)
_SOURCES = text("""
    SELECT c.id AS chain, b.role, b.style, b.account, b.path, b.source, b.gap, b.dormant FROM branch b
    JOIN chain c ON c.number = b.chain WHERE b.wallet_id = :wallet ORDER BY b.chain, b.style, b.account, b.id
""")
_UNLABEL = text("DELETE FROM label WHERE address_id = :address")
_LABELS = text("""
    SELECT a.text, l.text AS label FROM label l JOIN address a ON a.id = l.address_id
    WHERE EXISTS (SELECT 1 FROM member m WHERE m.wallet_id = :wallet AND m.first <= l.address_id AND m.stop > l.address_id)
    GROUP BY a.text, l.text ORDER BY min(l.address_id)
""")
_CHAINS = text("SELECT id FROM chain WHERE number IN (SELECT chain FROM member)")
_NAMES = text("""
    SELECT DISTINCT w.name FROM member m JOIN wallet w ON w.id = m.wallet_id
    WHERE m.first <= :id AND m.stop > :id ORDER BY w.name
""")


class Wallets(Blocks):
    """The tables of wallets, their branches and members, and of labels."""

    def add(self, name: str, found: Found, now: float, progress: Progress | None = None, *, numbered: bool = False) -> Added:
        """Add a wallet by itself, as `adding` does."""
        with self.adding(now, progress) as add:
            return add(name, found, numbered)

    @contextmanager
    def adding(self, now: float, progress: Progress | None = None) -> Iterator[Add]:
        """Adds wallets by name, or more of those that there are, all or none: what is raised within leaves nothing added.

        The same sources under the same name add what is new of them. InputError where the name is that of other sources
        (where it may be numbered, "name 2", "name 3", … is taken then), and where another wallet has these sources. `progress`
        gets the number of addresses seen so far of each.
        """
        with self._write() as transaction:
            yield lambda name, found, numbered: adding.add(
                transaction, valid_name(name), found, now, progress, numbered=numbered
            )

    def rows(self, name: str | None = None) -> list[WalletRow]:
        """Every wallet in order of arrival, or the one of a name; InputError where there is none of the name."""
        with self._read() as transaction:
            return list(wallet_rows.rows(transaction, name))

    def rename(self, old: str, new: str) -> None:
        """Give a wallet another name; InputError where there is no such wallet, or another one has the name."""
        name = valid_name(new)
        with self._write() as transaction:
            wallet = members.wallet_id(transaction, old)
            if members.wallet_ids(transaction).get(name, wallet) != wallet:
                raise InputError(f"there is a wallet {name!r} already; choose another name")
            transaction.execute(_RENAME, {"wallet": wallet, "name": name})

    def remove(self, name: str) -> None:
        """Forget a wallet, its branches and what they are derived from.

        Addresses that no other wallet has are in no report any more; their rows stay, for the day they are added again.
        """
        with self._write() as transaction:
            wallet = members.wallet_id(transaction, name)
            for statement in _REMOVE:
                transaction.execute(statement, {"wallet": wallet})

    def chains(self) -> set[str]:
        """The chains of which a wallet has an address."""
        with self._read() as transaction:
            return set(transaction.execute(_CHAINS).scalars())

    def ranges(self, chain: str, wallets: Collection[str] | None = None) -> list[Span]:
        """The indexes of the addresses of some wallets, or of all, on a chain: (first, stop), merged, in order.

        InputError for a wallet that there is not.
        """
        with self._read() as transaction:
            ids = None if wallets is None else [members.wallet_id(transaction, each) for each in wallets]
            if (key := transaction.chains.get(chain)) is None:
                return []
            return [(first - key.low, stop - key.low) for first, stop in members.spans_on(transaction, key, ids)]

    def label(self, address: str, label: str | None, chain: str | None = None) -> int:
        """Call an address of a wallet something, or nothing any more, on every chain or on one; on how many chains."""
        if label is not None and (not (label := label.strip()) or len(label) > LABEL or not label.isprintable()):
            raise InputError(f"a label has 1 to {LABEL} printable characters")
        with self._write() as transaction:
            chains = transaction.chains.values() if chain is None else [transaction.chain(chain)]
            if label is not None:
                return sum(len(members.put_labels(transaction, key, {address: label})) for key in chains)
            found = [each for key in chains for each in members.owned(transaction, key, [address]).values()]
            return sum(transaction.execute(_UNLABEL, {"address": each}).rowcount for each in found)

    def labels(self, name: str) -> list[Label]:
        """The labels of a wallet's addresses in order of index, each once; InputError where there is no such wallet."""
        with self._read() as transaction:
            rows = transaction.execute(_LABELS, {"wallet": members.wallet_id(transaction, name)})
            return [Label(row.text, row.label) for row in rows]

    def sources(self, name: str) -> list[tuple[Branch, ...]]:
        """What a wallet's addresses are derived from: the branches of each account, without addresses."""
        with self._read() as transaction:
            accounts: dict[tuple[str, str, int], list[Branch]] = defaultdict(list)
            for row in transaction.execute(_SOURCES, {"wallet": members.wallet_id(transaction, name)}):
                given = row._asdict() | {"role": Role(row.role), "dormant": bool(row.dormant)}
                accounts[row.chain, row.style, row.account].append(Branch(**given))
            return [tuple(branches) for branches in accounts.values()]

    def names_of(self, chain: str, address: str) -> tuple[str, ...]:
        """The names of the wallets that have an address, in order."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            found = None if key is None else addresses.ids(transaction, key, [address]).get(address)
            return () if found is None else tuple(transaction.execute(_NAMES, {"id": found}).scalars())
