"""The results as a table for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measurement import Results
from bench.scenario import Metric
from bench.servers import Servers

OURS = "perdure"
"""Ratios are those of its numbers to everybody else's."""

DIGITS = {
    Metric.THROUGHPUT: ",.0f",
    Metric.TASKS: ",.0f",
    Metric.LATENCY: ",.2f",
    Metric.DURATION: ",.3f",
    Metric.REDIS_MEMORY: ",.1f",
}


def print_table(console: Console, results: Results, contenders: list[str], rounds: int) -> None:
    """A section a scenario, a line a contender that took part in it: however many there are, the table stays narrow."""
    table = Table(title=f"Medians of {rounds} interleaved rounds", title_justify="left")
    table.add_column("scenario")
    table.add_column("contender")
    table.add_column("", justify="right")
    table.add_column("", style="dim")
    table.add_column("p50 ms", justify="right")
    table.add_column("p99 ms", justify="right")
    has_ours = OURS in contenders
    if has_ours:
        table.add_column(f"{OURS} : it", justify="right")
    for scenario in results.scenarios:
        name = scenario.name
        for contender in contenders:
            median = results.median(contender, scenario)
            if median is None:
                continue
            cells = [name, contender, format(median.value(scenario.metric), DIGITS[scenario.metric])]
            cells += [scenario.metric.value, _milliseconds(median.p50_ms), _milliseconds(median.p99_ms)]
            ratio = results.ratio(OURS, contender, scenario) if has_ours and contender != OURS else None
            table.add_row(*cells, *([] if not has_ours else [_shown_ratio(ratio)]))
            name = ""
        table.add_section()
    console.print(table)
    for contender in contenders:
        for role, peak in results.peak_bytes(contender).items():
            console.print(f"{contender}: the {role} took {peak / 1e6:,.0f} MB at its peak")
    if has_ours and len(contenders) > 1:
        better = "Ratios above 1 mean that Perdure is better: faster, or smaller, whatever the metric."
        console.print(better, style="dim")


def _milliseconds(value: float) -> str:
    return f"{value:,.2f}" if value else ""


def _shown_ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def write_json(path: Path, results: Results, contenders: list[str], rounds: int, servers: Servers) -> None:
    """Every single run, beside the medians: who doubts a median can look."""
    document: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "processors": os.cpu_count(),
            "platform": platform.platform(),
            "python": platform.python_version(),
        },
        "servers": {
            "postgres": servers.postgres_version,
            "redis": servers.redis_version,
            "settings": servers.settings,
        },
        "rounds": rounds,
        "scenarios": [
            {
                **dataclasses.asdict(scenario),
                "contenders": {
                    contender: {
                        "median": dataclasses.asdict(median),
                        "runs": [dataclasses.asdict(run) for run in results.runs[contender, scenario.name]],
                        "perdure_to_it": results.ratio(OURS, contender, scenario),
                    }
                    for contender in contenders
                    if (median := results.median(contender, scenario)) is not None
                },
            }
            for scenario in results.scenarios
        ],
        "peak_bytes": {contender: results.peak_bytes(contender) for contender in contenders},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _commit() -> str:
    result = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()
