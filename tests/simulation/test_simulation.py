"""A few worlds in every test run; `make simulate` plays thousands. What once failed must never fail again."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hdscan.sim.faults import AMOUNTS, Fault, Rule
from tests.simulation.chance import scenario
from tests.simulation.play import play
from tests.simulation.scenario import Replay, decode, encode
from tests.simulation.shrink import shrink

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))
ROOT = Path(__file__).parent.parent.parent
replace = msgspec.structs.replace


@pytest.mark.parametrize("seed", range(50))
def test_every_invariant_holds(seed: int) -> None:
    outcome = play(scenario(seed))
    assert outcome.rule is None, f"{outcome.why}; see it by: python -m tests.simulation --seed {seed} --trace"


def test_in_a_third_of_the_worlds_somebody_lies_beside_two_honest_operators() -> None:
    lied_to = 0
    for made in map(scenario, range(300)):
        liars = [h for h in made.hosts if any(rule.faults[0] in AMOUNTS for rule in (*h.for_good, *h.turned))]
        lied_to += bool(liars)
        assert len(liars) in (0, len(made.addresses))
        for liar in liars:
            chain = liar.spec.chain
            honest = {h.spec.operator or h.spec.name for h in made.hosts if h.spec.chain == chain and h.well}
            assert len(honest) >= 2 or any(h.trusted for h in made.hosts if h.spec.chain == chain)
            assert liar.spec.name not in honest
    assert 60 < lied_to < 140


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_failed_holds(path: Path) -> None:
    replay = decode(path.read_bytes())
    assert play(replay.scenario).rule is None, replay.why


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    program = "from tests.simulation.test_simulation import traces; print(traces())"
    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout == f"{traces()}\n"


def traces() -> list[str]:
    """The hashes of what happens in some scenarios."""
    stops = decode((ROOT / "tests" / "simulation" / "regressions" / "stop-order.json").read_bytes()).scenario
    return [play(each).digest for each in (stops, scenario(50))]


def test_a_replay_file_gives_the_scenario_back() -> None:
    replay = Replay("it failed", scenario(7))
    assert decode(encode(replay)) == replay


def test_a_failing_world_is_shrunk_to_what_fails() -> None:
    honest = next(each for each in map(scenario, range(200)) if each.bounded and "btc" in each.addresses)
    broken = Rule(faults=(Fault.MALFORMED,), share=0.9)  # nine calls of ten, where a fifth is claimed
    failed = replace(honest, hosts=tuple(replace(host, rules=(broken,)) for host in honest.hosts), addresses={"btc": 20})
    outcome = play(failed)
    assert outcome.rule in ("work", "completes")
    small, last = shrink(failed, outcome)
    assert last.rule == outcome.rule
    assert (len(small.hosts), sum(small.addresses.values())) < (len(failed.hosts), 20)
