"""A block: addresses by which a branch is extended. It is read before it is known whether the branch is that long."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

import msgspec

from hdscan.model.audit import Audited
from hdscan.model.chain import Asset
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.scan.branch import Frontier
from hdscan.scan.jobs import Job, Key, Known, key_of
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction
from hdscan.scan.scan_store import ScanStore


class Growing(Protocol):
    """The branch that a block is of, with its blocks in order."""

    blocks: list["BlockJob"]
    frontier: Frontier

    async def commit(self, job: "BlockJob", progress: Progress) -> None:
        """Commit the first block, as far as the branch may reach."""


class BlockJob(Job, kw_only=True):
    """The addresses of a branch from the position `start` on; committed once what lies before it is.

    The index of its `at`-th address is `first` + `at`, which the store does not know. An address that holds nothing and of
    which no amount tells whether it is used is asked for that too, where it lies behind the last used one that is known.
    """

    hasty: ClassVar[bool] = True
    planned: ClassVar[bool] = False

    branch: Growing
    start: int
    addresses: Sequence[str]
    assets: Sequence[Asset]
    use: Asset  # as `use_of` the chain
    first: int
    # the latest of every reading; None where operators disagree
    heard: dict[Key, Balance | Unread | None] = msgspec.field(default_factory=dict)
    on_the_way: set[Key] = msgspec.field(default_factory=set)
    asked_use: int = 0  # of those on the way, how many are of use
    # the indexes, in order, of empty addresses of which nothing tells the use, which was not asked for
    unasked: list[int] = msgspec.field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.idle and self._is_first and not self._wants_use

    @property
    def questions_only(self) -> bool:
        return self._is_first and not self.asked_use and super().questions_only

    @property
    def _is_first(self) -> bool:
        return bool(self.branch.blocks) and self.branch.blocks[0] is self

    @property
    def left(self) -> int:
        """How many readings have not ended."""
        return len(self.readings) - len(self.results) - len(self.cases)

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        asked = super().ask()
        for readings in asked.values():
            self.on_the_way.update(map(key_of, readings))
            self.asked_use += sum(reading.asset is self.use for reading in readings)
        return asked

    def give_up(self) -> None:
        super().give_up()
        self.on_the_way.clear()
        self.asked_use = 0
        for key, case in self.cases.items():
            self.heard[key] = case.result().amount

    def take(self, result: BalanceResult) -> None:
        key = key_of(result.reading)
        if key not in self.on_the_way:
            return  # it was cut off
        self.on_the_way.discard(key)
        index = result.reading.index
        if result.reading.asset is self.use:
            self.asked -= 1
            self.asked_use -= 1
            self.heard[key] = result.outcome
            self.tell(index)
            return
        before = self.corroborates
        super().take(result)
        self._hear(key, result)
        self.tell(index)
        if self.corroborates and before:
            self.unasked = sorted({*self.unasked, *self._empty([index])})
        elif self.corroborates:
            self.unasked = self._empty(self._indexes)

    def _hear(self, key: Key, result: BalanceResult) -> None:
        case = self.cases.get(key)
        if result.reading in self.fresh:  # what was said of it was retracted
            self.heard.pop(key, None)
        elif case is None:
            self.heard[key] = result.outcome
        elif case.question is None:
            self.heard[key] = case.result().amount
        elif key not in self.heard:
            self.heard[key] = result.outcome

    def _empty(self, indexes: Iterable[int]) -> list[int]:
        """Those of which nothing tells the use, which was not asked for."""
        use = self.use.symbol
        return [at for at in indexes if (at, use) not in self.heard and self.is_empty(at) and self.used(at) is None]

    @property
    def _wants_use(self) -> bool:
        """Whether an address behind the last used one is among them."""
        return bool(self.unasked) and self.start + self.unasked[-1] - self.first > self.branch.frontier.used_to

    def ask_use(self) -> bool:
        """Have the use asked for of the addresses behind the last used one that nothing else tells; whether there are any."""
        if not self._wants_use:
            return False
        begin = self.first + self.branch.frontier.used_to + 1 - self.start
        at = bisect_left(self.unasked, begin)
        self.unasked, due = self.unasked[:at], self.unasked[at:]
        for index in due:
            self.fresh.append(Reading(index, self.addresses[index - self.first], self.use))
            self.heard[index, self.use.symbol] = None
        return True

    @property
    def _indexes(self) -> range:
        return range(self.first, self.first + len(self.addresses))

    def is_empty(self, index: int) -> bool:
        """Whether every amount of an address was read and is zero."""
        outcomes = [self.heard.get((index, asset.symbol)) for asset in self.assets]
        return all(isinstance(each, Balance) and not each.is_used for each in outcomes)

    def used(self, index: int) -> bool | None:
        """Whether an address is used, None where that is not known."""
        outcomes = [self.heard.get((index, asset.symbol)) for asset in self.assets]
        if any(isinstance(each, Balance) and each.is_used for each in outcomes):
            return True
        use = self.heard.get((index, self.use.symbol))
        if isinstance(use, Balance) and use.amount:
            return True
        if not all(isinstance(each, Balance) for each in outcomes):
            return None
        stated = any(isinstance(each, Balance) and each.used is False for each in outcomes)
        return False if stated or isinstance(use, Balance) else None

    def tell(self, index: int) -> None:
        """Tell the branch what is known of the use of an address."""
        used = self.used(index)
        if used is not None:
            self.branch.frontier.tell(self.start + index - self.first, used)

    def cut(self, count: int) -> None:
        """Leave nothing but the first `count` addresses."""
        stop = self.first + count
        self.addresses = self.addresses[:count]
        self.readings = [each for each in self.readings if each.index < stop]
        self.fresh = [each for each in self.fresh if each.index < stop]
        self.results = [each for each in self.results if each.reading.index < stop]
        self.questions = [each for each in self.questions if each.reading.index < stop]
        self.unasked = [index for index in self.unasked if index < stop]
        self.cases = {key: each for key, each in self.cases.items() if key[0] < stop}
        self.heard = {key: each for key, each in self.heard.items() if key[0] < stop}
        beyond = {key for key in self.on_the_way if key[0] >= stop}
        self.on_the_way -= beyond
        self.asked -= len(beyond)
        self.asked_use -= sum(symbol == self.use.symbol for _, symbol in beyond)

    def retract(self, retraction: Retraction) -> None:
        super().retract(retraction)
        uses = {key for key, each in self.heard.items() if key[1] == self.use.symbol and each and retraction.affects(each)}
        for key in {key_of(reading) for reading in self.fresh} | uses:
            self.heard.pop(key, None)
        for key, case in self.cases.items():
            if case.retracted:
                self.heard.pop(key, None)
        self.unasked = self._empty(self._indexes) if self.corroborates else []

    def affected(self, retraction: Retraction) -> int:
        uses = (each for key, each in self.heard.items() if key[1] == self.use.symbol and each is not None)
        return super().affected(retraction) + sum(map(retraction.affects, uses))

    def results_and_uses(self) -> tuple[list[BalanceResult], list[Audited], list[BalanceResult]]:
        """What to commit: what stands alone, cases, and who told of an address's use."""
        uses = [
            BalanceResult(Reading(index, self.addresses[index - self.first], self.use), told)
            for (index, symbol), told in self.heard.items()
            if symbol == self.use.symbol and isinstance(told, Balance)
        ]
        return *self._results(), uses

    async def standing(self, store: ScanStore) -> Known:
        return await store.standing_of_block(self.readings)

    async def commit(self, progress: Progress) -> None:
        await self.branch.commit(self, progress)

    async def keep(self, progress: Progress) -> None:
        """Nothing: the store does not know its addresses yet."""
