"""What a campaign prints: its schedule, how it goes on, and how it ended; and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import Progress, Result
from tests.chaos.schedule import Fault

PROBLEMS_SHOWN = 20
_PROBLEM_CHARS = 2500


def progress_line(progress: Progress, seconds: float) -> str:
    under_way = ", ".join(str(fault.kind) for fault in progress.under_way) or "nothing broken"
    return (
        f"{progress.phase} {progress.passed_seconds:.0f} s of about {seconds:.0f} s: {progress.workflows:,} workflows, "
        f"{progress.effects:,} side effects, {progress.faults} faults; now: {under_way}"
    )


def print_schedule(console: Console, seed: int, schedule: Sequence[Fault]) -> None:
    console.print(f"seed {seed}: {len(schedule)} faults")
    for fault in schedule:
        console.print(str(fault), highlight=False, markup=False)


def print_result(console: Console, result: Result) -> None:
    """What is wrong comes first."""
    for problem in result.problems[:PROBLEMS_SHOWN]:
        console.print(f"WRONG: {problem[:_PROBLEM_CHARS]}", style="bold red", markup=False, highlight=False)
    if len(result.problems) > PROBLEMS_SHOWN:
        console.print(f"... and {len(result.problems) - PROBLEMS_SHOWN} problems more", style="bold red")
    faults = Table("fault", "times", title=f"{sum(result.faults.values())} faults", title_justify="left")
    for kind in sorted({*result.faults, *result.missed}):
        missed = f" ({result.missed[kind]} more found nothing to break)" if result.missed[kind] else ""
        faults.add_row(str(kind), f"{result.faults[kind]}{missed}")
    console.print(faults)
    for kind in result.skipped:
        console.print(f"not tried: {kind} (mounting a small filesystem takes root)", style="yellow", markup=False)
    for name, text in result.at_rest.items():
        console.print(f"at rest: {name}: {text}", markup=False, highlight=False)
    found = result.findings
    counts = Table(show_header=False)
    counts.add_row("workflows", f"{found.workflows:,}")
    counts.add_row("tasks", f"{result.tasks:,}")
    counts.add_row("activities", f"{found.activities:,}")
    counts.add_row("attempts", f"{found.attempts:,}")
    counts.add_row("side effects", f"{found.effects:,}")
    counts.add_row("duplicates by attempt", f"{found.duplicates:,}")
    counts.add_row("lost", f"{found.lost:,}")
    slowest = ", ".join(f"{name} {seconds} s" for name, seconds in result.slowest.items())
    counts.add_row("slowest workflows", slowest)
    counts.add_row("seconds in all", f"{result.seconds:.0f}")
    console.print(counts)
    seed = result.settings.seed
    if result.problems:
        console.print(f"{len(result.problems)} problems with seed {seed}.", style="bold red", highlight=False)
    else:
        console.print(f"All is well with seed {seed}.", style="bold green", highlight=False)


def as_json(result: Result) -> dict[str, Any]:
    found = result.findings
    return {
        "ok": not result.problems,
        "problems": result.problems,
        "seed": result.settings.seed,
        "seconds": round(result.seconds, 1),
        "workflows": found.workflows,
        "workflows_by_kind": dict(result.kinds),
        "tasks": result.tasks,
        "activities": found.activities,
        "attempts": found.attempts,
        "side_effects": found.effects,
        "duplicates_by_attempt": found.duplicates,
        "lost": found.lost,
        "slowest_seconds": result.slowest,
        "faults": {str(kind): count for kind, count in result.faults.items()},
        "faults_missed": {str(kind): count for kind, count in result.missed.items()},
        "faults_skipped": [str(kind) for kind in result.skipped],
        "starts": result.starts,
        "at_rest": result.at_rest,
    }
