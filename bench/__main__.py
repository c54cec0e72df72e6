"""`python -m bench`: the whole measurement in one go. `make bench` installs what it needs and calls this."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.contenders import CONTENDERS
from bench.contenders.contender import ContenderFailed
from bench.measurement import Measurement, Results
from bench.report import print_table, write_json
from bench.scenario import Scenario, chosen
from bench.servers import Servers, shared_servers

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
QUICK_FACTOR = 10
OUTPUT_WIDTH = 120
"""Columns of the table in a file or a pipe, where there is no terminal to ask."""


@click.command()
@click.option("--rounds", default=ROUNDS, show_default=True, help="Rounds to take the medians of.")
@click.option("--quick", is_flag=True, help="One round of runs ten times as short: a look, not a measurement.")
@click.option("--only", "contenders", multiple=True, type=click.Choice(list(CONTENDERS)), help="Who takes part.")
@click.option(
    "--scenario", "wanted", default="", help="Only the scenario of this name, or those whose names contain it."
)
@click.option("--no-plot", is_flag=True, help="Leave out the picture.")
def main(rounds: int, quick: bool, contenders: tuple[str, ...], wanted: str, no_plot: bool) -> None:
    """Measure Perdure beside its peers, on the same servers."""
    signal.signal(signal.SIGTERM, _end)
    console = Console(width=None if sys.stdout.isatty() else OUTPUT_WIDTH)
    scenarios = chosen(wanted)
    if not scenarios:
        names = ", ".join(repr(scenario.name) for scenario in chosen(""))
        raise click.BadParameter(f"no scenario contains {wanted!r}; there are {names}", param_hint="--scenario")
    if quick:
        rounds, scenarios = 1, tuple(scenario.shortened(QUICK_FACTOR) for scenario in scenarios)
    present = _present(console, contenders or tuple(CONTENDERS))
    results = Results(scenarios)
    with shared_servers() as servers:
        console.print(f"Postgres {servers.postgres_version}, {servers.redis_version}; {rounds} rounds")
        failed = _measure(console, servers, results, present, rounds)
    print_table(console, results, present, rounds)
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S") + ("-quick" if quick else "")
    write_json(RESULTS / f"{stem}.json", results, present, rounds, servers)
    console.print(f"Every run: bench/results/{stem}.json")
    if not no_plot:
        from bench.plot import write_plot  # the one part that needs the dependency group `bench`

        write_plot(RESULTS / f"{stem}.svg", results, present)
        console.print(f"The picture: bench/results/{stem}.svg")
    sys.exit(1 if failed else 0)


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Told to stop: take everything along that was started."""
    sys.exit(128 + number)


def _present(console: Console, names: tuple[str, ...]) -> list[str]:
    """Those that can take part; the others are named with the reason."""
    present = []
    for name in names:
        reason = CONTENDERS[name].absence()
        if reason is None:
            present.append(name)
        else:
            console.print(f"{name} does not take part: {reason}", style="yellow")
    return present


def _measure(console: Console, servers: Servers, results: Results, names: list[str], rounds: int) -> bool:
    """All rounds. Whether somebody failed; the others go on."""
    failed = False
    groups = [list(group) for _, group in itertools.groupby(results.scenarios, key=_start)]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        turns = list(_turns(groups, names, rounds))
        task = progress.add_task("starting", total=sum(len(scenarios) for _, _, scenarios in turns))
        for turn, name, scenarios in turns:
            progress.update(task, description=f"round {turn + 1}: {name}")

            def report(scenario: Scenario, measurement: Measurement, name: str = name) -> None:
                results.add(name, scenario, measurement)
                progress.advance(task)

            servers.settle()
            try:
                memory = CONTENDERS[name]().turn(servers, scenarios, report)
            except ContenderFailed as error:
                failed = True
                progress.console.print(f"{name} failed in round {turn + 1}: {error}", style="red", markup=False)
                continue
            if memory is not None:
                results.add_memory(name, memory)
    return failed


def _start(scenario: Scenario) -> tuple[int, bool]:
    """What scenarios of one turn have in common: they run on one start of a contender."""
    return scenario.shards, scenario.is_measured_once


def _turns(groups: list[list[Scenario]], names: list[str], rounds: int) -> Iterator[tuple[int, str, list[Scenario]]]:
    """Round, contender, and what it takes of one group; nobody is always first, or always after the same one."""
    for turn, scenarios in itertools.product(range(rounds), groups):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            taken = [scenario for scenario in scenarios if CONTENDERS[name].takes(scenario)]
            if taken and (turn == 0 or not scenarios[0].is_measured_once):
                yield turn, name, taken


main()
