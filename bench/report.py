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

REFERENCE = "probe"
"""Ratios are quoted to this one, where it took part."""

DIGITS = {Metric.THROUGHPUT: ",.0f", Metric.TASKS: ",.0f", Metric.LATENCY: ".2f", Metric.DURATION: ".3f"}


def print_table(console: Console, results: Results, contenders: list[str], rounds: int) -> None:
    table = Table(title=f"Medians of {rounds} interleaved rounds", title_justify="left")
    table.add_column("scenario")
    table.add_column("metric")
    for contender in contenders:
        table.add_column(contender, justify="right")
    compared = [name for name in contenders if name != REFERENCE] if REFERENCE in contenders else []
    for contender in compared:
        table.add_column(f"{contender} : {REFERENCE}", justify="right")
    for scenario in results.scenarios:
        cells = [scenario.name, scenario.metric.value + (" (p99)" if scenario.metric is Metric.LATENCY else "")]
        for contender in contenders:
            median = results.median(contender, scenario)
            text = "-" if median is None else format(median.value(scenario.metric), DIGITS[scenario.metric])
            if median is not None and scenario.metric is Metric.LATENCY:
                text += f" ({median.p99_ms:.2f})"
            cells.append(text)
        for contender in compared:
            ratio = results.ratio(contender, REFERENCE, scenario)
            cells.append("-" if ratio is None else f"{ratio:.2f}")
        table.add_row(*cells)
    console.print(table)
    for contender in contenders:
        for role, peak in results.peak_bytes(contender).items():
            console.print(f"{contender}: the {role} took {peak / 1e6:,.0f} MB at its peak")
    if compared:
        console.print("Ratios above 1 mean faster than the reference, whatever the metric.", style="dim")


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
                        "ratio": results.ratio(contender, REFERENCE, scenario),
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
