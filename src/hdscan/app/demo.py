"""The demo: scan simulated chains through faulty providers over real HTTP, and compare what was read with the truth.

async with Demo(DemoRequest(addresses=100)) as demo:
    await demo.add_wallets()
    async for event in demo.wallet.scan():
        ...
    report = await demo.reconcile()
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from itertools import groupby, takewhile, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Self

import msgspec
from msgspec.structs import asdict

from hdscan.app.wallet import Wallet
from hdscan.model.chain import Network
from hdscan.model.endpoint import Endpoint
from hdscan.model.scan import BalanceRow, BalanceState, ChainResult, Status
from hdscan.settings import ScanSettings, Settings
from hdscan.sim.city import DEMO
from hdscan.sim.host import HostSpec
from hdscan.sim.judge import Judgement
from hdscan.sim.process import Config, Simulation
from hdscan.sim.world import Truth, World

# Simulated hosts answer within 0.1 s and fail for seconds, not minutes: timeouts and cooldowns are shortened to match. Rates
# and pauses are unchanged.
QUICK = ScanSettings(
    request_timeout=2.0, backoff_base=0.25, backoff_max=5.0, outage_limit=60.0, breaker_cooldown=2.0, final_passes=2
)

FaultProfile = Literal["none", "mild", "wild"]


class Verdict(StrEnum):
    """One reading compared with the truth."""

    EXACT = "exact"
    WRONG = "wrong"
    FALSE_ZERO = "false_zero"
    UNREAD = "unread"


class DemoRequest(msgspec.Struct, frozen=True):
    """A demo: `addresses` per chain, the `seed` of balances and faults, and how much goes wrong."""

    addresses: int = 5000
    seed: int = 1
    faults: FaultProfile = "mild"


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """One chain compared with the truth; every reading is exactly one of `exact`, `wrong`, `false_zero` and `unread`.

    `false_zero` is a zero for a non-zero balance, `wrong` any other wrong amount, a lost reading, or one of an unknown address.
    `requests`, violations and lies (amounts that a host stated wrongly) are counted by the simulated hosts. A lie is stored if
    its reading ends with a false amount, else it was caught.
    """

    status: Status
    readings: int
    exact: int
    wrong: int
    false_zero: int
    unread: int
    requests: int
    rate_violations: int
    pause_violations: int
    lies_told: int
    lies_caught: int
    lies_stored: int
    seconds: float

    @property
    def flawless(self) -> bool:
        """Whether no amount is wrong and no limit was broken; unread readings are allowed."""
        return not (self.wrong or self.false_zero or self.rate_violations or self.pause_violations)


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `demo --json` prints."""

    seed: int
    addresses: int
    faults: str
    status: Status
    chains: Mapping[str, ChainReport]

    @property
    def flawless(self) -> bool:
        return all(chain.flawless for chain in self.chains.values())


class Demo:
    """Simulated hosts in a child process and a wallet that uses them, in a temporary directory; all deleted on exit.

    Raises RuntimeError if the simulator does not start.
    """

    def __init__(self, request: DemoRequest, hosts: tuple[HostSpec, ...] = DEMO) -> None:
        self.request = request
        self._simulation = Simulation(
            Config(seed=request.seed, addresses=request.addresses, faults=request.faults, hosts=hosts, keep_asks=False)
        )
        self.wallet: Wallet  # once it is entered
        self._entered: AsyncExitStack

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as entering:
            directory = Path(entering.enter_context(TemporaryDirectory(prefix="hdscan-demo-")))
            await entering.enter_async_context(self._simulation)
            settings = simulated_settings(self._simulation.world, self._simulation.endpoints, directory / "demo.db")
            self.wallet = entering.enter_context(Wallet(settings))
            self._entered = entering.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._entered.aclose()

    async def add_wallets(self, until: Callable[[], bool] = lambda: False) -> None:
        """Add every simulated address; stops early once `until` is true."""
        for name, chain in self._simulation.world.chains.items():
            if addresses := list(takewhile(lambda _: not until(), chain.addresses())):
                await self.wallet.add(addresses, chains=[name])

    async def reconcile(self) -> DemoReport:
        """Compare every balance with the truth, and count violations in the hosts' logs."""
        result, judgements = self.wallet.result, await self._simulation.judge()
        assert result is not None, "reconcile what was scanned"
        chains = {
            name: chain_report(
                compare(chain.truth(), self.wallet.balances(name)),
                result.chains[name],
                [judgement for judgement in judgements if judgement.chain == name],
            )
            for name, chain in self._simulation.world.chains.items()
        }
        return DemoReport(**asdict(self.request), status=result.status, chains=chains)


def simulated_settings(world: World, endpoints: tuple[Endpoint, ...], database: Path, scan: ScanSettings = QUICK) -> Settings:
    """The settings of a wallet on simulated providers only; `endpoints` carry the hosts' published rates."""
    return Settings(
        network=Network.MAINNET,
        db=f"sqlite:///{database.as_posix()}",
        log_level="error",
        log_json=False,
        scan=scan,
        chains={name: chain.chain for name, chain in world.chains.items()},
        assets={name: chain.assets for name, chain in world.chains.items()},
        endpoints=endpoints,
        files=(),
    )


def compare(truth: Iterable[Truth], rows: Iterable[BalanceRow]) -> Counter[Verdict]:
    """Compare every reading of a chain; `truth` and `rows` are in the order of the addresses."""
    verdicts: Counter[Verdict] = Counter()
    known = (list(group) for _, group in groupby(rows, key=lambda row: row.index))
    for true, found in zip_longest(truth, known):
        if true is None:
            verdicts[Verdict.WRONG] += len(found)  # an unknown address
            continue
        mine = {row.asset: row for row in found or () if (row.index, row.address) == (true.index, true.address)}
        verdicts.update(verdict(true, symbol, mine.get(symbol)) for symbol in true.amounts)
    return verdicts


def verdict(true: Truth, symbol: str, row: BalanceRow | None) -> Verdict:
    """Compare one reading; a missing one is WRONG."""
    if row is None:
        return Verdict.WRONG
    if row.state is not BalanceState.READ:
        return Verdict.UNREAD
    amount, unconfirmed = true.amounts[symbol], str(true.unconfirmed)
    if row.amount == str(amount):
        return Verdict.EXACT if row.unconfirmed in (None, unconfirmed) else Verdict.WRONG
    return Verdict.FALSE_ZERO if row.amount == "0" else Verdict.WRONG


def chain_report(verdicts: Counter[Verdict], result: ChainResult, judgements: Sequence[Judgement]) -> ChainReport:
    """A chain's verdicts, with the result of its scan and its hosts' counts."""
    told = sum(judgement.lies for judgement in judgements)
    stored = min(told, verdicts[Verdict.WRONG] + verdicts[Verdict.FALSE_ZERO])
    return ChainReport(
        status=result.status,
        readings=verdicts.total(),
        **{each.value: verdicts[each] for each in Verdict},
        requests=sum(judgement.requests for judgement in judgements),
        rate_violations=sum(judgement.rate_violations for judgement in judgements),
        pause_violations=sum(judgement.pause_violations for judgement in judgements),
        lies_told=told,
        lies_caught=told - stored,
        lies_stored=stored,
        seconds=round(result.seconds, 3),
    )
