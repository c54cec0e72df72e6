"""`python -m tests.simulation.planted`: plant each bug, and tell which rules catch it, and after how many runs.

What the auditor finds in a seed without the bug as well does not count.

Exit code 0: every bug was caught.
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.planted import BUGS, SEEDS_MAX
from tests.simulation.planted.hunt import Catch, hunt_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted", description=__doc__)
    parser.add_argument("words", nargs="*", help="words of the names of bugs; none: all bugs")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; 0: the one that is known for each bug")
    parser.add_argument("--runs", type=int, default=SEEDS_MAX, help="how many seeds at the most")
    parser.add_argument("--sharpen", action="store_true", help="in scenarios in which each bug matters more often")
    parser.add_argument("--processes", type=int, help="one a core, unless it is given")
    parser.add_argument("--show", type=int, default=1, help="how many findings to show of each")
    options = parser.parse_args()
    wanted = [bug for bug in BUGS if not options.words or any(word in bug.name for word in options.words)]
    missed = 0
    hunts = hunt_all(
        wanted,
        first_seed=options.seed,
        runs_max=options.runs,
        sharpens=options.sharpen,
        proves=True,
        processes=options.processes,
    )
    for catch in hunts:
        missed += catch.seed is None
        _tell(catch, options.show)
    print(f"{len(wanted) - missed} of {len(wanted)} bugs were caught")
    return 1 if missed else 0


def _tell(catch: Catch, shown: int) -> None:
    state = "MISSED" if catch.seed is None else f"seed {catch.seed}"
    rules = ", ".join(f"{rule.name} {count}" for rule, count in catch.rules.most_common())
    print(f"{catch.bug.name}: {state} after {catch.runs} runs in {catch.seconds:.1f} s: {rules}")
    for finding in [item for item in catch.findings if item.rule in catch.bug.rules][:shown]:
        print(f"  {str(finding)[:300]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
