"""A branch that is being extended: what is stored of it, and the blocks of addresses that are read on, in order of position."""

from functools import partial
from itertools import takewhile

from hdscan.scan.block_job import BlockJob
from hdscan.scan.branch import Frontier
from hdscan.scan.progress import Progress
from hdscan.scan.runner import Runner
from hdscan.store import Block, BranchState

FREE = 1000  # addresses of a branch for whose use one operator's word is enough
MOST = 1_000_000  # addresses by which a branch grows in one scan


class Extension:
    """A branch with what is known of it: `stored`, and with the blocks in flight (`frontier`)."""

    def __init__(self, state: BranchState, runner: Runner) -> None:
        self.blocks: list[BlockJob] = []
        self.grown = False  # addresses were added that could not be read
        self.outdated = False  # the store has something else than what was expected
        self.asks = False  # another operator is asked
        self.doubt = ""  # what another operator says against its use
        self._runner = runner
        self._from = state.length
        self.proved = -1  # the position up to which no operator's word alone says that it is used
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
        room = min(self.limit, self._from + MOST) - frontier.length
        if self.state.source is None or frontier.ended or room <= 0:
            return 0
        if not self.blocks:  # nobody is on the way to say that there are more
            return min(room, max(0, frontier.need - frontier.length))
        more = frontier.horizon - frontier.length
        return min(room, more) if 2 * more >= frontier.horizon - frontier.used_to - 1 else 0

    @property
    def limit(self) -> int:
        """How long it may get before another operator is asked: nobody can have a scan read on for ever."""
        return max(FREE, 2 * self.proved) + self.state.gap

    @property
    def wants_proof(self) -> bool:
        """Whether it is time to ask another operator, before the limit is reached."""
        used_to = self.stored.used_to
        return used_to > self.proved and used_to >= max(FREE // 2, 3 * self.proved // 2) and not (self.asks or self.doubt)

    @property
    def full(self) -> bool:
        """Whether it has grown as far as in one scan it may."""
        return self.frontier.length >= self._from + MOST

    @property
    def left(self) -> int:
        """How many readings of its blocks have not ended."""
        return sum(block.left for block in self.blocks)

    def add(self, block: BlockJob) -> None:
        """Take up a block that begins where the last one ends."""
        self.blocks.append(block)
        self.frontier.grow(len(block.addresses))

    def look(self) -> None:
        """Something was heard: ask on about nothing beyond the end, and for the use of what may be the end."""
        if self.blocks and self.frontier.ended and self.frontier.length > self.frontier.need:
            self._cut(self.frontier.need)
        read = list(takewhile(lambda block: block.corroborates, self.blocks))
        stop = read[-1].start + len(read[-1].addresses) if read else 0
        if len(read) == len(self.blocks) or stop > self.frontier.used_to + self.state.gap:
            for block in read:
                if block.ask_use():
                    self._runner.ask(block)
        if self._runner.inbox.empty():
            self._next()

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
            used = job.used(job.first + at)
            self.stored.tell(job.start + at, used)
            self.outdated = self.outdated or (used is None and job.is_empty(job.first + at))  # its use is to be asked for
        self._look()
        self._next()
