"""`python -m tests.simulation --seed n --runs m`: simulate seeds n to n + m - 1. Exit code 0: all was right.

A single seed that fails is shrunk, and its transcript printed; of several, the first that failed. From 1,000 runs on,
whatever row of a transition table or crash point was never taken is a failure as well.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.campaign import FULL_RUNS, Report, run_campaign
from tests.simulation.faults.crash_points import POINTS, STEPS
from tests.simulation.scenario import WORKFLOWS, Scenario, draw_scenario, read_scenario
from tests.simulation.shrinking import Shrinker
from tests.simulation.simulating import simulate_scenario
from tests.simulation.verdict import Verdict

SHOWN_MAX = 20
"""Findings of one seed that are shown; the first ones tell the most."""


def main() -> int:
    options = _options()
    if options.log:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s %(message)s")
    console = Console(stderr=options.json, highlight=False)
    if options.scenario:
        return _show(console, read_scenario(options.scenario.read_text(encoding="utf-8")), options.log)
    seeds = range(options.seed, options.seed + options.runs)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task("seeds", total=options.runs)

        def done(verdict: Verdict, seconds: float) -> None:
            progress.advance(bar)
            if verdict.wrong:
                progress.update(bar, description=f"seeds, [red]{verdict.seed} failed[/red]")
                _tell_wrong(console, verdict)

        report = run_campaign(
            seeds, options.workflows, processes=1 if options.runs == 1 or options.log else options.processes, done=done
        )
    if options.json:
        print(json.dumps(report.as_json(), indent=1))
    else:
        _tell(console, report)
    if report.wrong and not options.no_shrink:
        seed = min(report.wrong)
        _shrink(console, draw_scenario(seed, options.workflows), options.save)
    return 0 if report.is_right else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, from the first on")
    parser.add_argument("--workflows", type=int, default=WORKFLOWS, help="workflows of each run")
    parser.add_argument("--processes", type=int, default=0, help="0: one a core")
    parser.add_argument("--json", action="store_true", help="the totals as JSON on standard output")
    parser.add_argument("--no-shrink", action="store_true", help="tell what is wrong, and no more")
    parser.add_argument("--save", type=Path, help="where to keep the shrunk scenario, as JSON")
    parser.add_argument("--scenario", type=Path, help="simulate one that was kept, and print its transcript")
    parser.add_argument("--log", action="store_true", help="show what the engines log; one process")
    options = parser.parse_args()
    if options.runs < 1 or options.workflows < 0:
        parser.error("--runs must be at least 1, and --workflows at least 0")
    return options


def _tell_wrong(console: Console, verdict: Verdict) -> None:
    console.print(f"seed {verdict.seed} is wrong; again by: make sim SEED={verdict.seed}", markup=False)
    for finding in verdict.wrong[:SHOWN_MAX]:
        console.print(f"  {finding}", markup=False)
    if len(verdict.wrong) > SHOWN_MAX:
        console.print(f"  and {len(verdict.wrong) - SHOWN_MAX} more")


def _tell(console: Console, report: Report) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")

    def section(title: str, counts: dict[str, int]) -> None:
        table.add_row(f"[bold]{title}[/bold]", "")
        for name, count in counts.items():
            table.add_row(f"  {name}", f"{count:,}" if count else "[red]never[/red]")

    section("work", dict(sorted(report.work.items())))
    section("faults", dict(sorted(report.faults.items())))
    section("calls befallen by", {str(name): count for name, count in sorted(report.calls.items())})
    section("crash points of the batch contract", {name: report.crashes[name] for name in STEPS})
    section("other crash points", {name: report.crashes[name] for name in POINTS if name not in STEPS})
    console.print(table)
    rows, missed = len(report.rows), report.rows_missed
    console.print(f"rows of transition tables taken: {rows - len(missed)} of {rows}")
    for row in missed:
        console.print(f"  [red]never[/red] {row}")
    outcome = "[green]all right[/green]"
    if report.wrong:
        outcome = f"[red]{len(report.wrong)} wrong[/red]: {sorted(report.wrong)}"
    console.print(f"{report.runs} runs of {report.virtual_seconds:,.0f} virtual s in {report.seconds:.1f} s: {outcome}")
    if report.runs >= FULL_RUNS and (missed or report.points_missed):
        console.print("[red]some rows or points were never taken[/red]")


def _shrink(console: Console, scenario: Scenario, save: Path | None) -> None:
    with console.status("shrinking") as status:
        shrinker = Shrinker(
            simulate_scenario,
            lambda smaller: status.update(
                f"shrinking: {len(smaller.faults)} faults, {len(smaller.workflows)} workflows, {shrinker.tries} tries"
            ),
        )
        small = shrinker.shrink(scenario, simulate_scenario(scenario).wrong)
    console.print(f"shrunk to {len(small.faults)} faults and {len(small.workflows)} workflows in {shrinker.tries} runs")
    if save is not None:
        save.write_text(small.dump() + "\n", encoding="utf-8")
        console.print(f"kept in {save}; again by: python -m tests.simulation --scenario {save}")
    _show(console, small, False)


def _show(console: Console, scenario: Scenario, logs: bool) -> int:
    """Simulate a scenario, and print its transcript and what is wrong."""
    verdict = simulate_scenario(scenario, logs=logs, transcript=True)
    for line in verdict.transcript:
        console.print(line, markup=False, soft_wrap=True)
    for finding in verdict.wrong:
        console.print(str(finding), markup=False, soft_wrap=True)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
