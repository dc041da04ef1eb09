"""A branch that is being extended: what is stored of it, and the blocks of addresses that are read on, in order of position.

A block is read before it is known whether the branch is that long; what lies beyond its end is forgotten.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import msgspec

from hdscan.model.audit import Audited
from hdscan.model.chain import Asset
from hdscan.model.reading import Balance, BalanceResult, Kind, Reading, Unread, use_of
from hdscan.scan.branch import Frontier
from hdscan.scan.jobs import Job, Key, Known, key_of
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction
from hdscan.scan.runner import Runner
from hdscan.scan.scan_store import ScanStore
from hdscan.store import Block, BranchState


class BlockJob(Job, kw_only=True):
    """The addresses of a branch from the position `start` on; committed once what lies before it is.

    The index of its `at`-th address is `first` + `at`, which the store does not know. An address that holds nothing and of
    which no amount tells whether it is used is asked for that too, where it lies behind the last used one that is known.
    """

    hasty: ClassVar[bool] = True
    planned: ClassVar[bool] = False

    branch: "Extension"
    start: int
    addresses: Sequence[str]
    assets: Sequence[Asset]
    first: int
    heard: dict[Key, Balance | Unread | None] = msgspec.field(
        default_factory=dict
    )  # the latest of every reading; None where operators disagree
    on_the_way: set[Key] = msgspec.field(default_factory=set)

    @property
    def ended(self) -> bool:
        return self.idle and self._is_first

    @property
    def questions_only(self) -> bool:
        asks_use = any(symbol == self._use.symbol for _, symbol in self.on_the_way)
        return self._is_first and not asks_use and super().questions_only

    @property
    def _is_first(self) -> bool:
        return bool(self.branch.blocks) and self.branch.blocks[0] is self

    @property
    def left(self) -> int:
        """How many readings have not ended."""
        return len(self.readings) - len(self.results) - len(self.cases)

    @property
    def _use(self) -> Asset:
        return use_of(self.assets[0].chain)

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        asked = super().ask()
        self.on_the_way.update(key_of(reading) for readings in asked.values() for reading in readings)
        return asked

    def give_up(self) -> None:
        super().give_up()
        self.on_the_way.clear()
        for key, case in self.cases.items():
            self.heard[key] = case.result().amount

    def take(self, result: BalanceResult) -> None:
        key = key_of(result.reading)
        if key not in self.on_the_way:
            return  # it was cut off
        self.on_the_way.discard(key)
        if result.reading.kind is Kind.USE:
            self.asked -= 1
            self.heard[key] = result.outcome
        else:
            super().take(result)
            self._hear(key, result)
        self.tell(result.reading.index)
        if self.corroborates:
            self._ask_use()

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

    def _ask_use(self) -> None:
        """Ask for the use of the addresses of which nothing else tells it."""
        for index in range(max(self.first, self.first + self.branch.frontier.used_to + 1 - self.start), self._stop):
            key = index, self._use.symbol
            if key not in self.heard and key not in self.on_the_way and self._is_empty(index) and self.used(index) is None:
                self.fresh.append(Reading(index, self.addresses[index - self.first], self._use))
                self.heard[key] = None

    @property
    def _stop(self) -> int:
        return self.first + len(self.addresses)

    def _is_empty(self, index: int) -> bool:
        """Whether every amount of an address was read and is zero."""
        outcomes = [self.heard.get((index, asset.symbol)) for asset in self.assets]
        return all(isinstance(each, Balance) and not each.is_used for each in outcomes)

    def used(self, index: int) -> bool | None:
        """Whether an address is used, None where that is not known."""
        outcomes = [self.heard.get((index, asset.symbol)) for asset in self.assets]
        if any(isinstance(each, Balance) and each.is_used for each in outcomes):
            return True
        use = self.heard.get((index, self._use.symbol))
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
        self.cases = {key: each for key, each in self.cases.items() if key[0] < stop}
        self.heard = {key: each for key, each in self.heard.items() if key[0] < stop}
        beyond = {key for key in self.on_the_way if key[0] >= stop}
        self.on_the_way -= beyond
        self.asked -= len(beyond)

    def retract(self, retraction: Retraction) -> None:
        super().retract(retraction)
        uses = {key for key, each in self.heard.items() if key[1] == self._use.symbol and each and retraction.affects(each)}
        for key in {key_of(reading) for reading in self.fresh} | uses:
            self.heard.pop(key, None)
        for key, case in self.cases.items():
            if case.retracted:
                self.heard.pop(key, None)
        if uses and self.corroborates:
            self._ask_use()

    def affected(self, retraction: Retraction) -> int:
        uses = (each for key, each in self.heard.items() if key[1] == self._use.symbol and each is not None)
        return super().affected(retraction) + sum(map(retraction.affects, uses))

    def results_and_uses(self) -> tuple[list[BalanceResult], list[Audited], list[BalanceResult]]:
        """What to commit: what stands alone, cases, and who told of an address's use."""
        uses = [
            BalanceResult(Reading(index, self.addresses[index - self.first], self._use), told)
            for (index, symbol), told in self.heard.items()
            if symbol == self._use.symbol and isinstance(told, Balance)
        ]
        return *self._results(), uses

    async def standing(self, store: ScanStore) -> Known:
        return await store.standing_of_block(self.readings)

    async def commit(self, progress: Progress) -> None:
        await self.branch.commit(self, progress)

    async def keep(self, progress: Progress) -> None:
        """Nothing: the store does not know its addresses yet."""


class Extension:
    """A branch with what is known of it: `stored`, and with the blocks in flight (`frontier`)."""

    def __init__(self, state: BranchState, runner: Runner) -> None:
        self.blocks: list[BlockJob] = []
        self.grown = False  # addresses were added that could not be read
        self.outdated = False  # the store has something else than what was expected
        self._runner = runner
        self.load(state)

    def load(self, state: BranchState) -> None:
        """Begin anew from what is stored; blocks in flight go on."""
        self.state, self.outdated = state, False
        used_to = -1 if state.used_to is None else state.used_to
        self.stored = Frontier(state.gap, state.length, used_to, {each.position for each in state.unknown})
        self._look()

    def _look(self) -> None:
        self.frontier = self.stored.copy()
        for block in self.blocks:
            self.frontier.grow(len(block.addresses))
        for block in self.blocks:
            for index in range(block.first, block.first + len(block.addresses)):
                block.tell(index)

    @property
    def wanted(self) -> int:
        """How many more addresses to read now; few at a time only where nothing is in flight."""
        frontier = self.frontier
        if self.state.source is None or frontier.ended:
            return 0
        if not self.blocks:  # nobody is on the way to say that there are more
            return max(0, frontier.need - frontier.length)
        more = frontier.horizon - frontier.length
        return more if 2 * more >= frontier.horizon - frontier.used_to - 1 else 0

    @property
    def left(self) -> int:
        """How many readings of its blocks have not ended."""
        return sum(block.left for block in self.blocks)

    def add(self, block: BlockJob) -> None:
        """Take up a block that begins where the last one ends."""
        self.blocks.append(block)
        self.frontier.grow(len(block.addresses))

    def end(self) -> None:
        """Ask on about nothing that lies beyond the end, once that is known."""
        if self.frontier.ended and self.frontier.length > self.frontier.need:
            self._cut(self.frontier.need)

    def _cut(self, length: int) -> None:
        for block in list(self.blocks):
            count = length - block.start
            if count <= 0:
                self.blocks.remove(block)
                self._runner.drop(block)
            elif count < len(block.addresses):
                self._runner.cut(block, block.first + count)
                block.cut(count)
        self.frontier.cut(length)
        self._next()

    def _next(self) -> None:
        """Have the first block committed, if it has ended."""
        if self.blocks and self.blocks[0].ended:
            self._runner.inbox.put_nowait(self.blocks[0])

    async def commit(self, job: BlockJob, progress: Progress) -> None:
        """Commit the first block, as far as the branch may reach."""
        self._look()
        if (kept := self.frontier.need - job.start) < len(job.addresses):
            self._cut(job.start + max(0, kept))
        if job not in self.blocks:
            return
        results, found, uses = job.results_and_uses()
        block = Block(self.state.id, job.start, tuple(job.addresses))
        self.outdated = True
        if not await progress.commit(partial(progress.store.commit_block, block, results, found, uses), results):
            for other in self.blocks:
                self._runner.drop(other)
            self.blocks.clear()
            return
        self.outdated = bool(job.known)  # of what others have read too, more may be known
        self.blocks.remove(job)
        self.grown = self.grown or any(result.error for result in results)
        self.stored.grow(len(job.addresses))
        for at in range(len(job.addresses)):
            self.stored.tell(job.start + at, job.used(job.first + at))
        self._look()
        self._next()
