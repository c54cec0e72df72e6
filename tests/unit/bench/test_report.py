"""The table stays readable, however many take part."""

from __future__ import annotations

import io

from rich.console import Console

from bench.measurement import Measurement, Results
from bench.report import print_table
from bench.scenario import Metric, Scenario

BUSY = Scenario("task, 2,000 at once", "task", 40_000, 2_000, Metric.TASKS)
WAITING = Scenario("1,000,000 tasks that wait", "waiting", 1_000_000, 2_000, Metric.REDIS_MEMORY)
CONTENDERS = ["perdure", *(f"peer-{number}" for number in range(12))]


def _table(results: Results, contenders: list[str]) -> str:
    out = io.StringIO()
    print_table(Console(file=out, width=120), results, contenders, 5)
    return out.getvalue()


def test_a_line_a_contender_with_what_perdure_is_to_it() -> None:
    results = Results((BUSY, WAITING))
    for number, contender in enumerate(CONTENDERS):
        results.add(contender, BUSY, Measurement(12_000 / (number + 1), 1.0, 10.5, 20.25))
        results.add(contender, WAITING, Measurement(1.0, 1.0, 0.0, 0.0, redis_bytes=2_000_000 * (number + 1)))
    lines = _table(results, CONTENDERS).splitlines()
    assert max(map(len, lines)) <= 120
    (busy,) = [line for line in lines if "peer-2" in line and "tasks/s" in line]
    assert [cell for cell in busy.replace("│", " ").split() if cell] == [
        "peer-2",
        "3,000",
        "tasks/s",
        "10.50",
        "20.25",
        "4.00",
    ]
    (waiting,) = [line for line in lines if "peer-2" in line and "MB of Redis" in line]
    assert "8.0" in waiting
    assert "4.00" in waiting


def test_who_did_not_run_has_no_line_and_without_perdure_there_is_no_ratio() -> None:
    results = Results((BUSY,))
    results.add("peer-1", BUSY, Measurement(1.0, 1.0, 1.0, 1.0))
    shown = _table(results, ["peer-1", "peer-2"])
    assert "peer-1" in shown
    assert "peer-2" not in shown
    assert "perdure : it" not in shown
