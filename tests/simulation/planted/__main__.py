"""`python -m tests.simulation.planted`: plant each bug, and tell which rules catch it, and after how many runs."""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.planted import BUGS, SEEDS_MAX
from tests.simulation.planted.hunt import hunt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of the names of bugs; none: all of them")
    parser.add_argument("--seed", type=int, help="the first seed; without it, the one that is known for each bug")
    parser.add_argument("--runs", type=int, default=SEEDS_MAX, help="how many seeds at the most")
    parser.add_argument("--show", type=int, default=1, help="how many findings to show of each")
    options = parser.parse_args()
    missed = 0
    for bug in BUGS:
        if options.names and not any(word in bug.name for word in options.names):
            continue
        first = bug.seed if options.seed is None else options.seed
        begin = time.perf_counter()
        catch = hunt(bug, range(first, first + options.runs))
        took_s = time.perf_counter() - begin
        missed += catch.seed is None
        state = "MISSED" if catch.seed is None else f"seed {catch.seed}"
        rules = ", ".join(f"{rule.name} {count}" for rule, count in catch.rules.most_common())
        print(f"{bug.name}: {state} after {catch.runs} runs, {took_s:.1f} s: {rules}", flush=True)
        for finding in [item for item in catch.findings if item.rule in bug.rules][: options.show]:
            print(f"  {str(finding)[:300]}")
    print(f"{missed} bugs were missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
