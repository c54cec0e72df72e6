"""The demo from beginning to end: set up, three acts with a progress bar, the audit, the summary."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from perdure.client import Client
from perdure_engine.demo.acts import SUPPORT_RUNS, TRIPS, Act, Advance, DemoFailed, fan_out, kill, saga
from perdure_engine.demo.audit import read_histories
from perdure_engine.demo.ledger import Ledger
from perdure_engine.demo.stage import TASK_QUEUE, Stage, StageFailed, open_stage, temporary_directory
from perdure_engine.demo.summary import ActSummary, Summary, print_summary
from perdure_engine.embedded.errors import EmbeddedServerError

RUNS = 1000

ACT_TIMEOUT_S = 120
"""Each act takes seconds; the whole demo promises three minutes."""

WATCH_INTERVAL_S = 0.5


def run_demo(*, runs: int = RUNS, json_output: bool = False) -> int:
    """Play the demo on servers of its own; needs nothing that runs already.

    Args:
        runs: Agents of the fan-out.
        json_output: Print the summary as JSON to standard output; everything else goes to standard error.

    Returns:
        The exit status: 0 if everything happened once.
    """
    console = Console(stderr=json_output)
    try:
        with temporary_directory() as directory:
            summary = asyncio.run(_play(console, Path(directory), runs))
    except (DemoFailed, StageFailed, EmbeddedServerError, TimeoutError) as error:
        console.print(f"The demo failed: {error or 'an act did not end in time'}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130
    print_summary(console, summary)
    if json_output:
        Console(file=sys.stdout).print_json(data=summary.as_json())
    return 0 if summary.holds else 1


async def _play(console: Console, directory: Path, runs: int) -> Summary:
    ledger = Ledger(directory / "model-calls")
    began = time.monotonic()
    console.print("Starting Postgres, Valkey, an engine and a worker ...")
    async with open_stage(directory, ledger) as stage, await Client.connect(stage.address) as client:
        setup_seconds = time.monotonic() - began
        acts = await _play_acts(console, client, stage, ledger, runs)
    keys = ledger.keys()
    return Summary(
        acts=tuple(acts),
        calls_sent=len(keys),
        calls_billed=len(set(keys)),
        calls_wanted=runs + SUPPORT_RUNS,
        workers_killed=stage.workers_killed,
        setup_seconds=setup_seconds,
    )


async def _play_acts(console: Console, client: Client, stage: Stage, ledger: Ledger, runs: int) -> list[ActSummary]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    played: list[ActSummary] = []

    async def play(title: str, total: int, act: Callable[[Advance], Awaitable[Act]]) -> None:
        bar = progress.add_task(title, total=total)
        began = time.monotonic()
        async with asyncio.timeout(ACT_TIMEOUT_S):
            done = await _watched(stage, act(lambda count: progress.advance(bar, count)))
        seconds = time.monotonic() - began
        played.append(ActSummary(done.name, await read_histories(done.handles), seconds))

    with Progress(*columns, console=console) as progress:
        await play(
            f"Fan-out: {runs:,} agents at once", runs, lambda advance: fan_out(client, TASK_QUEUE, runs, advance)
        )
        await play("Saga: the third booking fails", TRIPS, lambda advance: saga(client, TASK_QUEUE, advance))
        await play(
            "Kill: the worker dies in mid-run",
            SUPPORT_RUNS,
            lambda advance: kill(client, stage, TASK_QUEUE, ledger, advance),
        )
    return played


async def _watched(stage: Stage, act: Awaitable[Act]) -> Act:
    """The act, unless a process of the stage ends by itself meanwhile: that is an error at once, not a time-out."""
    playing = asyncio.ensure_future(act)
    try:
        while not playing.done():
            await asyncio.wait([playing], timeout=WATCH_INTERVAL_S)
            stage.check()
        return playing.result()
    finally:
        playing.cancel()
