"""`python -m tests.simulation --seed n --runs m`: simulate seeds n to n + m - 1. Exit code 0: all was right."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from tests.simulation.world import simulate

SHOWN_MAX = 20
"""Findings of one seed that are shown; the first ones tell the most."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, from the first on")
    parser.add_argument("--workflows", type=int, default=25)
    parser.add_argument("--log", action="store_true", help="show what the engines log")
    options = parser.parse_args()
    if options.log:
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(message)s")
    failed = 0
    for seed in range(options.seed, options.seed + options.runs):
        begin = time.perf_counter()
        verdict = simulate(seed, options.workflows, logs=options.log)
        took = time.perf_counter() - begin
        state = "wrong" if verdict.wrong else "right"
        print(f"seed {seed}: {state}, {verdict.seconds:.0f} virtual s in {took:.2f} s, trace {verdict.trace}")
        print(f"  {verdict.counts}")
        for text in verdict.wrong[:SHOWN_MAX]:
            print(f"  {text}")
        if len(verdict.wrong) > SHOWN_MAX:
            print(f"  and {len(verdict.wrong) - SHOWN_MAX} more")
        failed += bool(verdict.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
