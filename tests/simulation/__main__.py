"""make simulate: play seeds, and show, shrink and keep what fails.

python -m tests.simulation --seeds 10000 [--first 0] [--jobs 2] [--failures 5]
python -m tests.simulation --seed 7 [--trace]
python -m tests.simulation --replay FILE [--trace]
"""

import argparse
import sys
import time
from pathlib import Path

from tests.simulation.campaign import run
from tests.simulation.chance import scenario
from tests.simulation.play import Outcome, play
from tests.simulation.scenario import Replay, Scenario, decode, encode
from tests.simulation.shrink import shrink

KEPT = Path("simulation-failures")


def main() -> int:
    """0 where nothing failed, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200, help="how many to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=None, help="processes; by default one per core")
    parser.add_argument("--failures", type=int, default=5, help="stop after so many")
    parser.add_argument("--no-shrink", action="store_true", help="only say what failed")
    parser.add_argument("--seed", type=int, default=None, help="play this one")
    parser.add_argument("--replay", type=Path, default=None, help="play a replay file")
    parser.add_argument("--trace", action="store_true", help="print what happened")
    args = parser.parse_args()
    if args.replay is not None or args.seed is not None:
        chosen = scenario(args.seed) if args.replay is None else decode(args.replay.read_bytes()).scenario
        return _show(play(chosen, keep=args.trace))
    began = time.monotonic()
    tally = run(args.first, args.seeds, args.jobs, args.failures)
    print(f"seeds {args.first} to {args.first + args.seeds - 1}: {tally.line(args.seeds)} in {time.monotonic() - began:.0f} s")
    for failure in tally.failures:
        print(f"seed {failure.seed} trace {failure.digest} {failure.why}")
        if not args.no_shrink:
            _keep(scenario(failure.seed), failure)
    return 1 if tally.failures else 0


def _show(outcome: Outcome) -> int:
    for line in outcome.lines:
        print(line)
    played = (
        f"{outcome.readings} readings in {outcome.calls} calls and {outcome.runs} runs, {outcome.seconds:.0f} s of virtual time"
    )
    print(f"seed {outcome.seed}, trace {outcome.digest}: {played}: {outcome.why or 'every invariant held'}")
    return 0 if outcome.rule is None else 1


def _keep(failed: Scenario, outcome: Outcome) -> None:
    small, last = shrink(failed, outcome)
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{outcome.rule}-{failed.seed}.json".replace(" ", "-")
    path.write_bytes(encode(Replay(str(last.why), small)))
    hosts, rules = len(small.hosts), sum(len(host.rules) + len(host.for_good) for host in small.hosts)
    addresses = sum(small.addresses.values())
    print(
        f"  shrunk to {hosts} hosts, {rules} faults, {addresses} addresses: python -m tests.simulation --replay {path} --trace"
    )


if __name__ == "__main__":
    sys.exit(main())
