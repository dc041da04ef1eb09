"""Adding what a source describes: to a new wallet, or to the one that has it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain as joined
from itertools import count, islice

import msgspec
from sqlalchemy import text

from hdscan.model.errors import InputError
from hdscan.model.wallet import Branch, Found, Label, Listed, WalletKind
from hdscan.store import addresses, members
from hdscan.store.members import BATCH
from hdscan.store.spans import Span, merged
from hdscan.store.transaction import Transaction

NAME = 100  # characters of a wallet's name
LABEL = 255  # characters of a label (BIP-329)
Same = Mapping[int, int]  # the branch that gives the same addresses as one of the source, by wallet
Progress = Callable[[int], None]

_KIND = text("SELECT kind FROM wallet WHERE id = :wallet")
_UNDO = text("DELETE FROM wallet WHERE id = :wallet")
_ADD_BRANCH = text("""
    INSERT INTO branch (wallet_id, chain, role, style, account, path, source, gap, dormant, length)
    VALUES (:wallet, :chain, :role, :style, :account, :path, :source, :gap, :dormant, 0) RETURNING id
""")
_AGAIN = text("""
    UPDATE branch SET gap = max(gap, :gap), source = :source, dormant = dormant * :dormant WHERE id = :branch RETURNING length
""")
_BY_SOURCE = text("SELECT wallet_id, id FROM branch WHERE chain = :chain AND source = :source")
_BY_FIRST = text("""
    SELECT b.wallet_id, b.id FROM member m JOIN branch b ON b.id = m.branch_id WHERE m.first = :id AND m.position = 0
""")
_SECOND = text("""
    SELECT first + 1 - position FROM member WHERE branch_id = :branch AND position <= 1 AND first + 1 - position < stop
""")
_LISTS = text("SELECT name, id FROM wallet WHERE id <> :wallet AND kind = 'addresses'")


class Added(msgspec.Struct, frozen=True):
    """What became of a wallet: how many of its addresses were new, and how many already there (or repeated).

    An address counts on each of its `chains`; `labels` are the addresses that the source's own labels were of, each once.
    """

    name: str
    added: int
    known: int
    chains: tuple[str, ...] = ()
    labels: int = 0


def add(transaction: Transaction, name: str, found: Found, now: float, progress: Progress | None, *, numbered: bool) -> Added:
    """Add a wallet, or more of one that there is under the name, as `Wallets.add` says."""
    known = members.wallet_ids(transaction)
    same = [_same(transaction, branch) for branch in found.branches]
    name = _name(transaction, name, same, known, numbered=numbered)
    if fresh := name not in known:
        _refuse_same(found.branches, same, known)
    wallet = members.add_wallet(transaction, name, found.kind.value, now) if fresh else known[name]
    filler = _Filler(transaction, wallet, progress)
    for branch, others in zip(found.branches, same, strict=True):
        filler.add_branch(branch, others.get(wallet))
    filler.add_list(found.listed)
    filler.add_labels(found.labels)
    if not found.branches:
        if fresh and not filler.seen:  # labels alone
            transaction.execute(_UNDO, {"wallet": wallet})
        elif fresh:
            _refuse_same_list(transaction, wallet)
    return Added(name, filler.added, filler.seen - filler.added, tuple(filler.chains), filler.labelled)


def at_position(path: str | None, position: int) -> str | None:
    """The derivation path of a position of a branch."""
    return None if path is None else path.replace("{}", str(position))


def valid_name(name: str) -> str:
    """The name without outer spaces; InputError for one that cannot be a wallet's."""
    if not (name := name.strip()) or len(name) > NAME or not name.isprintable() or name in (".", ".."):  # no part of a URL
        raise InputError(f"a wallet's name has 1 to {NAME} printable characters, and is neither . nor ..")
    return name


def _name(transaction: Transaction, wanted: str, same: Sequence[Same], known: Mapping[str, int], *, numbered: bool) -> str:
    """The name, unless it is that of other sources; addresses alone go to any wallet that is a list."""
    more = (f"{wanted} {number}" for number in count(2)) if numbered else ()
    for name in joined([wanted], more):
        if (wallet := known.get(name)) is None or any(wallet in others for others in same):
            return name
        if not same and transaction.execute(_KIND, {"wallet": wallet}).scalar() == WalletKind.ADDRESSES:
            return name
    raise InputError(f"there is a wallet {wanted!r} of other sources; choose another name with --name")


def _same(transaction: Transaction, branch: Branch) -> Same:
    """Branches are the same if they are derived from the same, or begin with the same two addresses.

    The first alone does not tell: m/44'/60'/0'/0/0 is the first of two styles.
    """
    key = transaction.chain(branch.chain)
    found: dict[int, int] = {}
    if branch.source is not None:
        found.update(tuple(row) for row in transaction.execute(_BY_SOURCE, {"chain": key.number, "source": branch.source}))
    begin = branch.addresses[:2]
    ids = addresses.ids(transaction, key, begin)
    if begin and begin[0] in ids:
        for wallet, other in transaction.execute(_BY_FIRST, {"id": ids[begin[0]]}).all():
            second = transaction.execute(_SECOND, {"branch": other}).scalar()
            if len(begin) == 1 or second in (None, ids.get(begin[1], 0)):
                found.setdefault(wallet, other)
    return found


def _refuse_same(branches: Sequence[Branch], same: Sequence[Same], known: Mapping[str, int]) -> None:
    """InputError where another wallet has every branch."""
    active = [set(others) for branch, others in zip(branches, same, strict=True) if not branch.dormant]
    if active and (others := set.intersection(*active)):
        raise _is_there(next(name for name, wallet in known.items() if wallet in others))


def _refuse_same_list(transaction: Transaction, wallet: int) -> None:
    """InputError where another list has exactly the same addresses."""
    mine = members.spans(transaction, [wallet])
    for name, other in transaction.execute(_LISTS, {"wallet": wallet}).all():
        if members.spans(transaction, [other]) == mine:
            raise _is_there(name)


def _is_there(name: str) -> InputError:
    return InputError(f"this is the wallet {name!r}, which was added before; to call it something else: hdscan rename")


class _Filler:
    """Puts the parts of a source into a wallet, and counts them."""

    def __init__(self, transaction: Transaction, wallet: int, progress: Progress | None) -> None:
        self._transaction = transaction
        self._wallet = wallet
        self._progress = progress
        self.seen = self.added = self.labelled = 0
        self.chains: dict[str, None] = {}

    def add_branch(self, branch: Branch, known: int | None) -> None:
        """Add a branch, or to the one that is known by this id the addresses by which it is shorter."""
        key = self._transaction.chain(branch.chain)
        keep = {"source": branch.source, "gap": branch.gap, "dormant": int(branch.dormant)}
        if known is None:
            row = {"role": branch.role.value, "style": branch.style, "account": branch.account, "path": branch.path}
            row |= {"wallet": self._wallet, "chain": key.number}
            known, length = int(self._transaction.execute(_ADD_BRANCH, row | keep).scalar_one()), 0
        else:
            length = int(self._transaction.execute(_AGAIN, keep | {"branch": known}).scalar_one())
        items = [(address, at_position(branch.path, at)) for at, address in enumerate(branch.addresses)]
        ids, added = members.insert_in_order(self._transaction, key, items)
        if len(ids) > length:
            members.put_branch(self._transaction, known, length, ids[length:])
        self._count(branch.chain, len(ids), added)

    def add_list(self, listed: Iterable[Listed]) -> None:
        """Add addresses without a branch, each to the chain that it is of."""
        spans: dict[str, list[Span]] = defaultdict(list)
        rest = iter(listed)
        while batch := list(islice(rest, BATCH)):
            by_chain: dict[str, list[Listed]] = defaultdict(list)
            for each in batch:
                by_chain[each.chain].append(each)
            for chain, items in by_chain.items():
                key = self._transaction.chain(chain)
                found, added = members.insert_any(self._transaction, key, [each.address for each in items])
                spans[chain] += found
                self._count(chain, len(items), added)
                labels = _cut((each.address, each.label) for each in items)
                members.put_labels(self._transaction, key, labels, known=True)  # a wallet will have them
            if self._progress:
                self._progress(self.seen)
        for chain, each_span in spans.items():
            members.put_list(self._transaction, self._wallet, self._transaction.chain(chain), merged(each_span))

    def add_labels(self, labels: Sequence[Label]) -> None:
        """Label the addresses of wallets, on every chain that has them."""
        cut = _cut((each.address, each.text) for each in labels)
        placed = [members.put_labels(self._transaction, key, cut) for key in self._transaction.chains.values()]
        self.labelled = len(set[str]().union(*placed))

    def _count(self, chain: str, seen: int, added: int) -> None:
        self.chains[chain] = None
        self.seen += seen
        self.added += added


def _cut(labels: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    return {address: label[:LABEL] for address, label in labels if label}
