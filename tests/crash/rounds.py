"""One round: scan, be killed or lose the disk in the midst of it a few times, go on to the end, and compare.

After every death the database has to open and to agree with itself, to hold no amount that is not true and to have lost
nothing that was committed; after the last scan it has to hold what the undisturbed scan left.
"""

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hdscan.model.chain import Network
from hdscan.model.scan import ChainScan
from hdscan.model.wallet import GAP, Role
from hdscan.settings import load
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from hdscan.sim.judge import named
from hdscan.sim.process import Config
from hdscan.sim.profile import ITEMS, TRANSPORT
from hdscan.store import Store
from tests.cli.conftest import Hdscan, Simulated
from tests.crash.disk import Ballast, mount
from tests.crash.process import Ended, Limit, Running, running
from tests.scan.branches import KEY, addresses_of, state

ADDRESSES = 24  # of each chain, beside those of a wallet
ALL = 1000  # more chunks than there are
ENVIRON = {
    "HDSCAN_SCAN_CHUNK": "3",
    "HDSCAN_SCAN_REQUEST_TIMEOUT": "3",  # long enough for a machine that is busy with other things
    "HDSCAN_SCAN_OUTAGE_LIMIT": "100",
    "HDSCAN_SCAN_BACKOFF_BASE": "0.05",
    "HDSCAN_SCAN_BACKOFF_MAX": "0.4",
    "HDSCAN_SCAN_BREAKER_COOLDOWN": "0.1",
    "HDSCAN_SCAN_FINAL_PASSES": "1",
    "HDSCAN_SCAN_AUDIT": "off",  # what is committed is to be asked no more
}
ENDS = {0: "ended first", 3: "ended first", -signal.SIGKILL: "killed", -signal.SIGXFSZ: "killed in a write"}
JOURNAL = 2_500_000  # bytes, a little more than what a round's write-ahead log grows to
RETRIED = 3.0  # seconds for which a failed commit is tried again, and a little less


def _host(name: str, chain: str, protocol: str) -> HostSpec:
    return HostSpec(name=name, chain=chain, protocols=(protocol,), rate=400, burst=50, latency=0.002)


HOSTS = (
    _host("btc-a", "btc", "esplora"),
    _host("btc-b", "btc", "esplora"),
    _host("bsc-multicall", "bsc", "evm-multicall"),
    _host("bsc-rpc", "bsc", "evm-rpc"),
    _host("sol-a", "sol", "solana-rpc"),
    _host("sol-b", "sol", "solana-rpc"),
)
USED = {Role.RECEIVE: range(0, 41, 5), Role.CHANGE: (3, 22)}  # positions of a wallet's branches
FOUND = {Role.RECEIVE: 40 + 1 + GAP, Role.CHANGE: 22 + 1 + GAP}  # addresses that a scan ends with
Row = tuple[str, str, str, str, str]  # chain, address, asset, amount, state
Reading = tuple[str, str, str]  # chain, address in lower case, asset


class Broken(AssertionError):
    """A promise that was not kept."""


class Played(msgspec.Struct, frozen=True):
    """What a round was: how its processes ended, counted, and how many readings were in the database after every death."""

    seed: int
    deaths: Counter[str]
    kept: tuple[int, ...]


class Arena:
    """The simulated hosts, wallets, and what an undisturbed scan makes of them; `home` is a disk of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home / "disk"
        self.home.mkdir()
        self.has_disk = mount(self.home)
        explicit = {"btc": state(USED)}
        self.simulated = Simulated(Config(seed=7, addresses=ADDRESSES, funded=0.5, hosts=HOSTS, explicit=explicit))
        self.world = self.simulated.world
        bitcoin = self.world["btc"].address(3)  # one that no host of its chain can read, now or ever
        self.poison = {name: (Rule(faults=(Fault.EMPTY_OBJECT,), address=bitcoin),) for name in ("btc-a", "btc-b")}
        self.true = {("btc", text, "BTC"): "0" for role, count in FOUND.items() for text in addresses_of(role, count)} | {
            (name, true.address, symbol): str(amount)
            for name, chain in self.world.chains.items()
            for true in chain.truth()
            for symbol, amount in true.amounts.items()
        }
        hdscan = Hdscan(self.home)
        self.environ = hdscan.environ | ENVIRON | {"HDSCAN_DB": f"sqlite:///{self.home}/wallet.db"}
        (self.home / "hdscan.toml").write_text(self.simulated.toml())
        for name, chain in self.world.chains.items():
            addresses = "\n".join(chain.address(index) for index in range(chain.count))
            hdscan.ok("--db", self.environ["HDSCAN_DB"], "add", "--chain", name, "-", stdin=addresses)
        hdscan.ok("--db", self.environ["HDSCAN_DB"], "add", "--chain", "btc", f"wpkh({KEY}/0/<0;1>/*)")
        self.template = home / "template"
        shutil.copytree(self.home, self.template)
        self.simulated.set_faults(self.poison)
        began = time.monotonic()
        self.finish()
        self.seconds = time.monotonic() - began
        self.expected = self.rows()
        untrue = [row for row in self.expected if row[:3] in self.true and row[3:] != (self.true[row[:3]], "read")]
        if [row[3:] for row in untrue] != [("None", "unread")] or len(self.expected) != len(self.true):
            raise Broken(f"the undisturbed scan is not the truth: {untrue}")

    def renew(self) -> None:
        """Begin with the imported wallet again."""
        for path in self.home.iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)
        shutil.copytree(self.template, self.home, dirs_exist_ok=True)

    def finish(self, *more: str) -> None:
        """Scan to the end, where the poison alone is unread."""
        with running(["scan", "--jsonl", *more], self.home, self.environ) as process:
            ended = process.end()
        if ended.code != 3:
            raise Broken(f"the scan that nobody disturbs ended with {ended.code}: {ended.err}")

    def store(self) -> Store:
        """The database as a reader opens it."""
        settings = load(None, {}, self.environ, self.home)
        store = Store.open(settings.db, Network.MAINNET, create=False)
        store.register(list(settings.chains.values()), [asset for assets in settings.assets.values() for asset in assets])
        return store

    def rows(self) -> list[Row]:
        """What has to be the same in every run."""
        with self.store() as store:
            found = store.balances.rows()  # in which order a wallet's branches grow is left open
            return sorted((row.chain, row.address, row.asset, str(row.amount), row.state.value) for row in found)

    def asked(self) -> set[Reading]:
        """Every reading that the hosts were asked for since the logs were emptied."""
        return {
            (spec.chain, address.lower(), symbol)
            for spec in HOSTS
            for entry in self.simulated.log(spec.name)
            for address, symbol in named(entry.asks, self.world[spec.chain])
        }


def play(arena: Arena, seed: int) -> Played:
    """Play the round of a seed; Broken says which promise was not kept."""
    dice = random.Random(seed)
    arena.renew()
    deaths: Counter[str] = Counter()
    kept: list[int] = []
    before: dict[str, ChainScan] = {}
    for _ in range(dice.randint(1, 2)):
        arena.simulated.set_faults(_faults(arena, dice))
        arena.simulated.reset()
        how = dice.choices((_killed, _killed_while_writing, _full), (60, 25, 15))[0]
        deaths[how(arena, dice)] += 1
        before = _examine(arena, before)
        kept.append(sum(record.read for record in before.values()))
    arena.simulated.set_faults(arena.poison)
    arena.simulated.reset()
    settled = _settled(arena)
    arena.finish()
    before = _examine(arena, before)
    if sum(record.unread + record.open_ends for record in before.values()) > 1:  # of one that had ended before
        arena.finish("--retry")
        _examine(arena, before)
    if arena.rows() != arena.expected:
        raise Broken(f"other than the undisturbed scan: {sorted(set(arena.rows()) ^ set(arena.expected))}")
    if again := settled & arena.asked():
        raise Broken(f"committed, and asked again: {sorted(again)}")
    return Played(seed, deaths, tuple(kept))


def _faults(arena: Arena, dice: random.Random) -> dict[str, tuple[Rule, ...]]:
    """The poison, and now and then anything else."""
    share = dice.choice((0.0, 0.02, 0.2))
    return {
        spec.name: (
            *arena.poison.get(spec.name, ()),
            Rule(faults=TRANSPORT, share=share),
            Rule(faults=(Fault.HANG,), share=share / 50),
            Rule(faults=ITEMS[arena.world[spec.chain].family], share=share),
        )
        for spec in HOSTS
    }


# -- ways to die; each says how it went


def _killed(arena: Arena, dice: random.Random) -> str:
    """SIGKILL at any moment."""
    with running(["scan", "--jsonl"], arena.home, arena.environ) as process:
        process.wait(dice.uniform(0.1, 1.0) * arena.seconds)
        return _said(process.kill())


def _killed_while_writing(arena: Arena, dice: random.Random) -> str:
    """The kernel's SIGXFSZ in the midst of a write: of a file, a part is written up to the limit."""
    limit = Limit(dice.randint(2**15, JOURNAL), fatal=True)
    with running(["scan", "--jsonl"], arena.home, arena.environ, limit) as process:
        return _said(process.end())


def _full(arena: Arena, dice: random.Random) -> str:
    """A disk without room, for good or for a moment; where none can be mounted, files that cannot grow."""
    if not arena.has_disk:
        limit = Limit(dice.randint(2**15, JOURNAL), fatal=False)
        with running(["scan", "--jsonl"], arena.home, arena.environ, limit) as process:
            return _said(process.end(), "no room")
    ballast = Ballast(arena.home, spare=dice.choice((0, dice.randint(0, 2**18))))
    with running(["scan", "--jsonl"], arena.home, arena.environ) as process:
        begun = any(b"scan_progress" in process.said for _ in _looks(process, dice.uniform(0, arena.seconds)))
        ballast.drop()
        passing = dice.random() < 0.6
        if passing:
            process.wait(dice.uniform(0, RETRIED))
            ballast.lift()
        ended = process.end()
        ballast.lift()
    if passing and begun and ended.code not in (0, 3):
        raise Broken(f"a disk that was full for a moment ended the scan: {ended.err}")
    return _said(ended, "no room")


def _looks(process: Running, seconds: float) -> Iterator[None]:
    """Every few milliseconds, while it runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not process.wait(0.005):
        yield


def _said(ended: Ended, failed: str | None = None) -> str:
    """In a word how a process ended; Broken where no process may end so."""
    if "Traceback" in ended.err or "defect" in ended.err or "it hung" in ended.err:
        raise Broken(f"ended with {ended.code}: {ended.err}")
    if ended.code == 1 and failed and "disk" in ended.err:
        return failed
    if ended.code in ENDS:
        return ENDS[ended.code]
    raise Broken(f"ended with {ended.code}: {ended.err}")


# -- what has to hold


def _examine(arena: Arena, before: dict[str, ChainScan]) -> dict[str, ChainScan]:
    """Look at all of the database; the scans of its chains."""
    with arena.store() as store:
        if found := store.check():
            raise Broken("; ".join(found))
        records = {name: record for name in arena.world.chains if (record := store.scans.latest(name))}
        for name, record in records.items():
            earlier = before.get(name)
            if earlier and (record.scan_id, record.read + record.unread) < (earlier.scan_id, earlier.read + earlier.unread):
                raise Broken(f"lost what was committed: {earlier} became {record}")
            _check_counts(store, record)
        for row in store.balances.rows():
            if row.amount is not None and row.amount != arena.true[row.chain, row.address, row.asset]:
                raise Broken(f"a wrong amount: {row}")
    return records


def _check_counts(store: Store, record: ChainScan) -> None:
    """Read and unread are together what was asked of done chunks."""
    pending = store.scans.pending_chunks(record.scan_id, record.chain, -1, ALL)
    done = record.addresses - sum(chunk.stop - chunk.first for chunk in pending)
    if record.read + record.unread != done * len(record.assets):
        raise Broken(f"{record.read} + {record.unread} readings of {done} addresses: {record}")


def _settled(arena: Arena) -> set[Reading]:
    """What a resumed scan has no reason to ask: what done chunks read, but for amounts without a second word.

    Unused addresses of branches may be asked of a second operator by every scan, as long as a branch might end at them.
    """
    settled: set[Reading] = set()
    branches = ((at in USED[role], text) for role, count in FOUND.items() for at, text in enumerate(addresses_of(role, count)))
    ends = {("btc", text.lower(), "BTC") for used, text in branches if not used}
    with arena.store() as store:
        for name in arena.world.chains:
            record = store.scans.latest(name)
            if record is None or not record.status.resumable:
                continue
            pending = {i for c in store.scans.pending_chunks(record.scan_id, name, -1, ALL) for i in range(c.first, c.stop)}
            done = [address for address in store.addresses.between(name, 0, record.addresses) if address.index not in pending]
            settled |= {(name, address.text.lower(), symbol) for address in done for symbol in record.assets}
            # what answered before is asked as a probe, where nothing is left but what fails
            if known := store.scans.any_reading(record.scan_id, name):
                settled.discard((name, known[0].text.lower(), known[1]))
        one_word = (row for row in store.balances.rows(funded=True) if row.operators == 1)
        return settled - ends - {(row.chain, row.address.lower(), row.asset) for row in (*store.balances.gaps(), *one_word)}
