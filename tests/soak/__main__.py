"""`python -m tests.soak [--minutes M] [--rate R] [--json] [--directory DIR]`: see the package.

Exit status: 0 all is flat and every workflow ended well, 1 otherwise, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.soak.report import as_json, print_result
from tests.soak.soak import Plan, Result, run_soak

MINUTES = 9.0
RATE = 100.0
EXIT_INTERRUPTED = 130


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Constant load, to see that nothing grows."
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="all in all; a third of it warms up (default: 9)"
    )
    parser.add_argument("--rate", type=float, default=RATE, help="workflows a second (default: 100)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")
    parser.add_argument("--directory", type=Path, help="keep data and logs here; a temporary directory by default")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    plan = Plan.of_minutes(options.minutes, options.rate)
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)

    def tell(line: str) -> None:
        console.print(line, markup=False)

    def run(directory: Path) -> Result:
        return asyncio.run(run_soak(plan, directory, tell))

    try:
        if options.directory is not None:
            options.directory.mkdir(parents=True, exist_ok=True)
            result = run(options.directory)
        else:
            with tempfile.TemporaryDirectory(prefix="perdure-soak-") as directory:
                result = run(Path(directory))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    if options.json:
        print(json.dumps(as_json(result)))
    else:
        print_result(result, console)
    return 0 if result.is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
