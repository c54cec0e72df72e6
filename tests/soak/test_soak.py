"""The mechanism of a soak, in seconds: every gauge is read, retention takes runs away, every workflow ends."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from tests.soak.gauges import GAUGES
from tests.soak.report import as_json, print_result
from tests.soak.soak import Plan, Result, run_soak
from tests.soak.trend import trend_of


async def test_a_very_short_soak(tmp_path: Path) -> None:
    lines: list[str] = []
    plan = Plan(warm_up_s=1.0, window_s=0.4, windows=3, rate=20.0, retention_s=0.5)
    result = await run_soak(plan, tmp_path, lines.append)
    assert (result.failed, result.unfinished, result.dead_letters) == (0, 0, 0), result.problems
    assert result.started == result.finished > 20
    assert [set(row) for row in result.rows] == [{gauge.name for gauge in GAUGES}] * 3
    assert all(value > 0 for row in result.rows for name, value in row.items() if "memory" in name)
    assert result.rows[-1]["runs kept"] < result.started, "retention takes runs away"
    assert result.is_well
    assert len(lines) == 4
    assert json.loads(json.dumps(as_json(result)))["workflows"]["finished"] == result.finished
    console = Console(record=True, width=120)
    print_result(result, console)
    assert "Nothing grows but what must." in console.export_text()


def test_what_rises_or_is_lost_is_not_well() -> None:
    result = Result(Plan.of_minutes(9, 100))
    assert result.is_well
    result.trends["engine memory"] = trend_of([100.0 + 10 * number for number in range(12)], 0.1)
    assert result.rising == ["engine memory"]
    assert not result.is_well
    result.trends.clear()
    result.unfinished = 1
    assert not result.is_well


def test_a_plan_warms_up_until_retention_has_begun_to_work() -> None:
    for minutes in (1, 9, 600):
        plan = Plan.of_minutes(minutes, 100)
        assert plan.warm_up_s >= 3 * plan.retention_s
        assert abs(plan.warm_up_s + plan.windows * plan.window_s - 60 * minutes) < 1
