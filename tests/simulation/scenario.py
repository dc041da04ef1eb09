"""What is played: everything that a seed decides, as plain data that can be shrunk and written into a replay file."""

from enum import StrEnum

import msgspec

from hdscan.settings import ScanSettings
from hdscan.sim.faults import Rule
from hdscan.sim.host import HostSpec
from tests.simulation.branches import BranchPlan


class How(StrEnum):
    """How a run is interrupted."""

    STOP = "stop"  # by its user, every chain
    STOP_ONE = "stop_one"  # by its user, one chain
    CLOSE = "close"  # its reader goes away
    CANCEL = "cancel"  # its reader's task is cancelled
    KILL = "kill"  # the process is gone


class Interruption(msgspec.Struct, frozen=True):
    """When a run is interrupted: before the callback of this number since its beginning, between any two awaits."""

    how: How
    step: int


class HostPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A host, its faults until the world heals, and those that stay `for_good`; times are seconds since its first request.

    It refuses connections during `refuses` (seconds since the world began); a connection takes up to `connect` seconds. The
    faults of `turned` begin when all is played again, and stay too. Of those that are `drawn` some are asked at a time.
    """

    spec: HostSpec
    rules: tuple[Rule, ...] = ()
    for_good: tuple[Rule, ...] = ()
    refuses: tuple[tuple[float, float], ...] = ()
    connect: float = 0.0
    per_minute: int | None = None
    per_hour: int | None = None
    turned: tuple[Rule, ...] = ()
    trusted: bool = False
    drawn: bool = False

    @property
    def well(self) -> bool:
        """Whether nothing is wrong with it in a healed world."""
        return not (self.for_good or self.turned)


class DiskPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call takes up to `slow` seconds; those numbered from `first` to before `stop` fail, at their `at`-th statement.

    `at` 0 is the beginning, -1 the commit.
    """

    slow: float = 0.0
    fails: tuple[tuple[int, int, int], ...] = ()


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process: after `wait` seconds, with a wall clock that was stepped by `step` seconds, and how it is interrupted."""

    wait: float = 0.0
    step: float = 0.0
    interruptions: tuple[Interruption, ...] = ()


class Scenario(msgspec.Struct, frozen=True, omit_defaults=True):
    """A world and what happens in it.

    `runs` come first, whatever they end with; at `heals` (seconds) the faults end, and further runs have to complete the scan.
    With `again` the same is played once more over what is known, after the share `moved` of all balances has changed. `bounded`
    claims that the calls are at most three times the fewest that could do. A wallet of `branches` is beside the addresses.
    """

    seed: int
    addresses: dict[str, int]
    hosts: tuple[HostPlan, ...]
    scan: ScanSettings
    heals: float
    runs: tuple[Run, ...] = (Run(),)
    disk: DiskPlan = DiskPlan()
    funded: float = 0.5
    shuffled: bool = True
    late: float = 0.0
    stalls: float = 0.0
    again: bool = False
    moved: float = 0.0
    bounded: bool = False
    branches: tuple[BranchPlan, ...] = ()


class Replay(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scenario that failed, or must never fail again, and the sentence that says of what."""

    why: str
    scenario: Scenario


def encode(replay: Replay) -> bytes:
    """As the JSON of a replay file."""
    return msgspec.json.format(msgspec.json.encode(replay, order="deterministic"), indent=1) + b"\n"


def decode(data: bytes) -> Replay:
    """A replay file."""
    return msgspec.json.decode(data, type=Replay)
