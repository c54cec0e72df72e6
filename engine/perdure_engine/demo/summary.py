"""The closing words of the demo: a table for people, plain data for programs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from perdure_engine.demo.audit import Recorded


@dataclass(frozen=True)
class ActSummary:
    name: str
    recorded: Recorded
    seconds: float


@dataclass(frozen=True)
class Summary:
    """Everything that the demo showed.

    Attributes:
        calls_sent: Model calls that reached the provider; a call cut off by the kill is sent again.
        calls_billed: Distinct idempotency keys among them: what a provider bills.
        calls_wanted: Runs that call the model, once each.
        setup_seconds: Servers, migration, engine and worker, until the first act.
    """

    acts: tuple[ActSummary, ...]
    calls_sent: int
    calls_billed: int
    calls_wanted: int
    workers_killed: int
    setup_seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything happened once."""
        return self.calls_billed == self.calls_wanted and not any(act.recorded.twice for act in self.acts)

    def as_json(self) -> dict[str, Any]:
        return {
            "runs": sum(act.recorded.runs for act in self.acts),
            "activities": sum(act.recorded.activities for act in self.acts),
            "retries": sum(act.recorded.retries for act in self.acts),
            "model_calls": {"wanted": self.calls_wanted, "sent": self.calls_sent, "billed": self.calls_billed},
            "workers_killed": self.workers_killed,
            "seconds": round(self.setup_seconds + sum(act.seconds for act in self.acts), 2),
            "setup_seconds": round(self.setup_seconds, 2),
            "acts": [
                {"name": act.name, **dataclasses.asdict(act.recorded), "seconds": round(act.seconds, 2)}
                for act in self.acts
            ],
            "holds": self.holds,
        }


def print_summary(console: Console, summary: Summary) -> None:
    table = Table(show_footer=True)
    whole = summary.as_json()
    table.add_column("act", footer="in all")
    table.add_column("runs", justify="right", footer=f"{whole['runs']:,}")
    table.add_column("activities", justify="right", footer=f"{whole['activities']:,}")
    table.add_column("retries", justify="right", footer=f"{whole['retries']:,}")
    table.add_column("seconds", justify="right", footer=f"{sum(act.seconds for act in summary.acts):.1f}")
    for act in summary.acts:
        recorded = act.recorded
        cells = (f"{recorded.runs:,}", f"{recorded.activities:,}", f"{recorded.retries:,}", f"{act.seconds:.1f}")
        table.add_row(act.name, *cells)
    console.print(table)
    console.print(
        f"Model calls: {summary.calls_wanted:,} wanted, {summary.calls_sent:,} sent, [bold]{summary.calls_billed:,} "
        f"billed[/bold]. {summary.workers_killed} worker killed in mid-run. {summary.setup_seconds:.1f} s to set up."
    )
    if summary.holds:
        console.print("Every run completed; every activity has one recorded completion; no call was billed twice.")
    else:
        console.print("Something happened twice, or not at all: this is a defect. Please report it.", style="bold red")
