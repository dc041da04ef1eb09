"""Discovery: which addresses of a chain's branches to read next, and whose use to ask for, until every end is known.

A branch grows by blocks; a stored address after the last used one whose use no amount told is asked for it. What could not be
read is not asked again here: its branch waits for the pass over the gaps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import ClassVar

import msgspec

from hdscan.model.chain import Chain, Family
from hdscan.model.errors import ChainCode
from hdscan.model.reading import Balance, BalanceResult, Reading, use_of
from hdscan.scan.audit import PROVISIONAL, Court
from hdscan.scan.block_job import BlockJob
from hdscan.scan.extension import MOST, Extension
from hdscan.scan.jobs import Job, Key, Known
from hdscan.scan.phases import Phase
from hdscan.scan.progress import Progress
from hdscan.scan.runner import Runner
from hdscan.scan.scan_store import ScanStore

replace = msgspec.structs.replace

TELLING = {  # which provider tells of use, by family
    Family.BITCOIN: "an esplora or electrum endpoint",
    Family.EVM: "an evm-rpc endpoint",
    Family.SOLANA: "a solana-rpc endpoint",
    Family.TRON: "a tron-rpc endpoint",
}
EARLY = 200  # addresses of a branch before its last used one whose use is asked for in a scan, though no end needs it

Derive = Callable[[str, str, int, int], Sequence[str]]
"""The addresses of a chain from a branch's source: chain, source, first position, how many."""


class UseJob(Job, kw_only=True):
    """Stored addresses whose use is asked for."""

    discovery: "Discovery"

    async def standing(self, store: ScanStore) -> Known:
        return {}  # no amounts

    async def commit(self, progress: Progress) -> None:
        await self.discovery.commit(self, progress)

    async def keep(self, progress: Progress) -> None:
        """Nothing: they are asked again."""

    def _first(self, key: Key, result: BalanceResult) -> None:
        self.results.append(result)


class EndJob(UseJob, kw_only=True):
    """Addresses by which branches end, whose use another operator is asked for than the one that said that they have none."""

    audits: ClassVar[bool] = True

    leave: Mapping[int, frozenset[str]]  # the providers that are not asked, by index

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        asked: dict[frozenset[str], list[Reading]] = {}
        for readings in super().ask().values():
            for reading in readings:
                asked.setdefault(self.leave[reading.index], []).append(reading)
        return asked

    async def commit(self, progress: Progress) -> None:
        self.results = [each for each in self.results if isinstance(each.outcome, Balance) and each.outcome.amount]
        if self.results:
            await super().commit(progress)


class ProofJob(UseJob, kw_only=True):
    """An address, said by one operator alone to be used, of which another is asked."""

    branch: Extension
    position: int
    said_by: str
    leave: frozenset[str]  # the providers that are not asked

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        asked = super().ask()
        return {self.leave: asked[frozenset()]} if asked else {}

    async def commit(self, progress: Progress) -> None:
        (told,) = [each.outcome for each in self.results]
        self.branch.asks = False
        if isinstance(told, Balance) and not told.amount:
            self.branch.doubt = (
                f"{told.source} says that address {self.position} was never used, and {self.said_by} that it was;"
                f" so it is not read beyond {self.branch.limit} addresses"
            )
        else:
            self.branch.proved = self.position


class Discovery(Phase):
    """The branches of one chain's scan; none where it does not read the coin, by which most sources tell use."""

    def __init__(self, chain: Chain, runner: Runner, court: Court, derive: Derive, size: int) -> None:
        """`size` is the most readings of a job."""
        self._chain, self._family = chain.id, chain.family
        self._runner = runner
        self._store = runner.progress.store
        self._court = court
        self._derive = derive
        self._assets = list(self._store.assets)
        self._coin = chain.symbol
        self._reads_coin = any(asset.symbol == chain.symbol for asset in self._assets)
        self._size = max(1, size // len(self._assets))
        self._indexes = count(PROVISIONAL)
        self._use = use_of(chain.id)
        self._asked: set[int] = set()  # whose use was asked for in this pass, by index
        self._branches: dict[int, Extension] = {}
        self._outdated = True
        self._early: list[Reading] | None = None
        self._heard: dict[int, int] = {}  # by branch, the last used address after which another operator was asked

    def begin(self) -> None:
        """Begin a pass: what was not known in the last one may be known now, or is asked again."""
        self._asked.clear()
        self._outdated = True
        for branch in self._branches.values():
            branch.grown, branch.doubt = False, ""

    def retract(self) -> None:
        """What was known of the use of addresses may not be known any more."""
        self._heard.clear()
        self._outdated = True

    @property
    def grown(self) -> bool:
        """Whether addresses were added in this pass that could not be read."""
        return any(branch.grown for branch in self._branches.values())

    @property
    def left(self) -> int:
        """How many readings of addresses that the scan does not count yet have not ended."""
        return sum(branch.left for branch in self._branches.values())

    def look(self) -> None:
        """Drop what is known to lie beyond the end of a branch."""
        for branch in self._branches.values():
            branch.look()

    async def more(self) -> Sequence[Job] | None:
        """The next job."""
        if self._outdated or any(branch.outdated for branch in self._branches.values()):
            await self._load()
        self.look()
        job = self._use_job() or await self._proof_job() or await self._block_job()
        if job is None and not any(branch.blocks for branch in self._branches.values()):
            job = await self._end_job() or await self._early_job()
        return None if job is None else [job]

    async def _load(self) -> None:
        self._outdated = False
        states = await self._store.branches() if self._reads_coin else ()
        stored = {}  # without those of a wallet that was removed meanwhile
        for state in states:
            if (branch := self._branches.get(state.id)) is None:
                branch = Extension(state, self._runner)
            else:
                branch.load(state)
            stored[state.id] = branch
        self._branches = stored

    def _use_job(self) -> UseJob | None:
        due: list[Reading] = []
        for branch in self._awake():
            frontier = branch.frontier
            for each in branch.state.unknown:
                wanted = frontier.used_to < each.position < frontier.horizon and each.position in frontier.unknown
                if wanted and each.index not in self._asked and len(due) < self._size:
                    self._asked.add(each.index)
                    due.append(Reading(each.index, each.address, self._use))
        return UseJob(court=self._court, readings=due, discovery=self) if due else None

    async def _early_job(self) -> UseJob | None:
        """What is known of a wallet would otherwise depend on who was asked for its balances."""
        if self._early is None:
            self._early = [Reading(*each, self._use) for each in (await self._store.early(EARLY) if self._branches else ())]
        due, self._early = self._early[: self._size], self._early[self._size :]
        return UseJob(court=self._court, readings=due, discovery=self) if due else None

    async def _end_job(self) -> EndJob | None:
        """No operator alone is believed that a branch ends, where another can be asked."""
        due: list[Reading] = []
        leave: dict[int, frozenset[str]] = {}
        for branch in self._awake():
            key, stored = branch.state.id, branch.stored
            if stored.ended and self._heard.get(key) != stored.used_to and len(due) < self._size:
                self._heard[key] = stored.used_to
                for position, said_by in await self._store.unused(key, stored.used_to + 1, stored.need):
                    if (excluded := self._runner.but_its_operator(said_by)) is not None:
                        leave[position.index] = excluded
                        due.append(Reading(position.index, position.address, self._use))
        return EndJob(court=self._court, readings=due, discovery=self, leave=leave) if due else None

    async def commit(self, job: UseJob, progress: Progress) -> None:
        """Store what was told of the use of addresses, and go on from there."""
        told = [result for result in job.results if isinstance(result.outcome, Balance)]
        await progress.commit(partial(self._store.commit_use, told))
        self._outdated = True

    async def _proof_job(self) -> ProofJob | None:
        """Without another word, a branch does not go on for ever."""
        for branch in self._awake():
            used_to = branch.stored.used_to
            if branch.wants_proof:
                for position, said_by in await self._store.told(branch.state.id, branch.proved + 1, used_to + 1):
                    if (leave := self._runner.but_its_operator(said_by)) is not None:
                        branch.asks = True
                        at, reading = position.position, Reading(position.index, position.address, self._use)
                        return ProofJob(
                            court=self._court,
                            readings=[reading],
                            discovery=self,
                            branch=branch,
                            position=at,
                            said_by=said_by,
                            leave=leave,
                        )
                branch.proved = used_to
        return None

    async def _block_job(self) -> BlockJob | None:
        wanting = [branch for branch in self._awake() if branch.wanted]
        if not wanting:
            return None
        branch = min(wanting, key=lambda each: each.left)
        start, length = branch.frontier.length, min(branch.wanted, self._size)
        source = branch.state.source
        assert source is not None
        addresses = await self._store.derive(partial(self._derive, self._chain, source, start, length))
        first = next(self._indexes)
        self._indexes = count(first + length)
        assets = self._assets
        readings = [Reading(first + at, text, asset) for at, text in enumerate(addresses) for asset in assets]
        job = BlockJob(
            court=self._court,
            branch=branch,
            start=start,
            addresses=addresses,
            assets=assets,
            use=self._use,
            first=first,
            readings=readings,
        )
        job.known = await job.standing(self._store)
        branch.add(job)
        return job

    def _awake(self) -> Iterable[Extension]:
        """The branches but those of accounts before which none is used."""
        used = {_account(branch) for branch in self._branches.values() if branch.stored.used_to >= 0}
        for branch in self._branches.values():
            wallet, style, account = _account(branch)
            if not branch.state.dormant or branch.state.length or (wallet, style, account - 1) in used:
                yield branch

    async def close(self) -> None:
        """Say which branches have an end that is not known, and store how many."""
        await self._load()
        if not self._reads_coin and any(state.source for state in await self._store.branches()):
            text = f"this scan does not read {self._coin}, and so it has not looked for more addresses of the wallets"
            self._runner.progress.say_error(ChainCode.END_UNKNOWN, text)
        ends = [replace(branch.state, advice=self._advice(branch)) for branch in self._awake() if not branch.stored.ended]
        await self._runner.progress.set_open_ends({state.id: state.advice for state in ends})
        for state in ends:
            self._runner.progress.say_error(ChainCode.END_UNKNOWN, state.open_end)

    def _advice(self, branch: Extension) -> str:
        """What can be done where the end of a branch is not known, beside trying again."""
        if branch.stored.length < branch.stored.need and branch.state.source is None:
            return "only its addresses are kept: add it again with a larger --count"
        if branch.doubt:
            return branch.doubt
        if branch.full:
            return f"it has grown by {MOST} addresses, and no scan goes further: scan again to go on"
        if branch.state.unknown and not self._runner.told_use:
            return (
                f"no configured provider of {self._chain} tells whether an address was ever used: add {TELLING[self._family]}"
            )
        return ""


def _account(branch: Extension) -> tuple[str, str, int]:
    return branch.state.wallet, branch.state.style, branch.state.account
