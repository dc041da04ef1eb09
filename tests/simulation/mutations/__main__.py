"""python -m tests.simulation.mutations [NAME…]: how many seeds it takes to find each defect, as a table."""

import argparse
import sys

from tests.simulation.mutations import MOST_SEEDS, PATCHES, hunt


def main() -> int:
    """0 where every mutation was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations")
    parser.add_argument("names", nargs="*", help="some of them")
    parser.add_argument("--seeds", type=int, default=MOST_SEEDS, help="at most")
    parser.add_argument("--jobs", type=int, default=1, help="processes for each")
    args = parser.parse_args()
    chosen = [patch for patch in PATCHES if not args.names or patch.stem in args.names]
    print("| mutation | seeds | found as |\n|---|---|---|", flush=True)
    missed = 0
    for patch in chosen:
        caught = hunt(patch, args.seeds, args.jobs)
        missed += caught.seeds is None
        seeds = "not found" if caught.seeds is None else caught.seeds
        print(f"| `{caught.name}` | {seeds} | {caught.why[:110]} | {caught.seconds:.0f} s", flush=True)
    print(f"\n{len(chosen) - missed} of {len(chosen)} mutations were found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
