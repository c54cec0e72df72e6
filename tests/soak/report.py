"""What a soak found, as a table for people and as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.soak.gauges import GAUGES
from tests.soak.soak import Result


def as_json(result: Result) -> dict[str, Any]:
    return {
        "is_well": result.is_well,
        "plan": asdict(result.plan),
        "workflows": {
            "started": result.started,
            "finished": result.finished,
            "failed": result.failed,
            "unfinished": result.unfinished,
        },
        "dead_letters": result.dead_letters,
        "rising": result.rising,
        "trends": {name: asdict(trend) for name, trend in result.trends.items()},
        "windows": result.rows,
        "problems": result.problems,
    }


def print_result(result: Result, console: Console) -> None:
    plan = result.plan
    table = Table(title=f"{plan.windows} windows of {plan.window_s:.0f} s at {plan.rate:g} workflows a second")
    for heading in ("", "first", "median", "last", "", "growth", "allowed", "verdict"):
        table.add_column(heading, justify="left" if heading in ("", "verdict") else "right", no_wrap=True)
    for gauge in GAUGES:
        trend = result.trends[gauge.name]
        verdict = {True: "flat", False: "[bold red]RISES[/]", None: "too few windows"}[trend.is_flat]
        first, last = result.rows[0][gauge.name], result.rows[-1][gauge.name]
        table.add_row(
            gauge.name,
            f"{first:,.1f}",
            f"{trend.median:,.1f}",
            f"{last:,.1f}",
            gauge.unit,
            f"{trend.growth:+.1%}",
            f"{trend.tolerance:+.0%}",
            verdict,
        )
    console.print(table)
    console.print(
        f"{result.started} workflows started, {result.finished} finished, {result.failed} failed, "
        f"{result.unfinished} unfinished, {result.dead_letters} dead letters",
        markup=False,
    )
    for problem in result.problems:
        console.print(f"  {problem}", markup=False)
    if result.is_well:
        console.print("Nothing grows but what must.", style="bold green")
    else:
        console.print(f"Something is wrong{': ' if result.rising else ''}{', '.join(result.rising)}", style="bold red")
