"""`python -m tests.chaos [--minutes M] [--seed N] [--json] [--kinds A,B] [--logs DIR] [--plan]`: see the package.

Exit status: 0 all is well, 1 something is wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.status import Status

from tests.chaos.campaign import Progress, Result, Settings, run_campaign
from tests.chaos.report import as_json, print_result, print_schedule, progress_line
from tests.chaos.schedule import FaultKind, make_schedule

MINUTES = 10.0
SEEDS = 1_000_000
EXIT_INTERRUPTED = 130


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Faults against real servers under load."
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long load and faults last (default: 10)")
    parser.add_argument("--seed", type=int, help="of the workflows and the faults; a random one by default")
    parser.add_argument("--kinds", help="only faults whose name holds one of these words, separated by commas")
    parser.add_argument("--lanes", type=int, default=Settings.lanes, help="workflows at a time of each of two clients")
    parser.add_argument(
        "--gap", type=float, default=Settings.gap_seconds, help="seconds between two faults, on average"
    )
    parser.add_argument(
        "--rest",
        type=float,
        help="seconds to wait for traces of the killed to vanish (default: as long as the load lasts)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")
    parser.add_argument("--logs", type=Path, help="keep logs, and the stories of wrong workflows, in this directory")
    parser.add_argument("--plan", action="store_true", help="print the schedule and end")
    return parser.parse_args(arguments)


def _kinds(words: str | None) -> list[FaultKind]:
    wanted = [word.strip().lower() for word in words.split(",")] if words else [""]
    kinds = [kind for kind in FaultKind if any(word in kind.lower() for word in wanted)]
    if not kinds:
        raise SystemExit(f"no fault is named like {words!r}; there are: {', '.join(FaultKind)}")
    return kinds


async def _run(settings: Settings, console: Console) -> Result:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with Status("starting", console=console) as status:
        phase = ""

        def watch(progress: Progress) -> None:
            nonlocal phase
            line = progress_line(progress, settings.seconds)
            status.update(line)
            if progress.phase != phase:
                phase = progress.phase
                console.print(line, markup=False, highlight=False)

        return await run_campaign(settings, watch)


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    seed = options.seed if options.seed is not None else random.randrange(SEEDS)
    seconds = options.minutes * 60
    settings = Settings(
        seed,
        seconds,
        _kinds(options.kinds),
        options.gap,
        options.lanes,
        rest_seconds=options.rest if options.rest is not None else min(Settings.rest_seconds, seconds),
    )
    console = Console(stderr=options.json)
    print_schedule(console, seed, make_schedule(seed, settings.seconds, settings.kinds, settings.gap_seconds))
    if options.plan:
        return 0
    try:
        result = asyncio.run(_run(settings, console))
    except asyncio.CancelledError:
        console.print("interrupted; nothing is left behind", style="yellow")
        return EXIT_INTERRUPTED
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        for name, text in (*result.logs.items(), *result.stories.items()):
            (options.logs / f"{name}.log").write_text(text)
    print_result(console, result)
    if options.json:
        print(json.dumps(as_json(result)))
    return 1 if result.problems else 0


if __name__ == "__main__":
    # The campaign's own connection is cut like all others, which is no news here.
    logging.getLogger("perdure").setLevel(logging.ERROR)
    sys.exit(main(sys.argv[1:]))
