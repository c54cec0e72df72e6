"""The closing summary adds up, and says plainly when something does not hold."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from perdure_engine.demo.audit import Recorded
from perdure_engine.demo.summary import ActSummary, Summary, print_summary

GOOD = Summary(
    acts=(
        ActSummary("fan-out", Recorded(runs=100, activities=300, retries=0, twice=0), 2.0),
        ActSummary("kill", Recorded(runs=10, activities=30, retries=4, twice=0), 3.5),
    ),
    calls_sent=114,
    calls_billed=110,
    calls_wanted=110,
    workers_killed=1,
    setup_seconds=4.0,
)


def _shown(summary: Summary) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_summary(console, summary)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_totals_are_those_of_the_acts() -> None:
    whole = GOOD.as_json()
    assert (whole["runs"], whole["activities"], whole["retries"], whole["seconds"]) == (110, 330, 4, 9.5)
    assert whole["model_calls"] == {"wanted": 110, "sent": 114, "billed": 110}
    assert [act["name"] for act in whole["acts"]] == ["fan-out", "kill"]


def test_a_good_demo_holds_and_says_so() -> None:
    assert GOOD.holds
    assert "no call was billed twice" in _shown(GOOD)
    assert "110 billed" in _shown(GOOD)


def test_a_call_billed_twice_is_a_defect() -> None:
    twice = dataclasses.replace(GOOD, calls_billed=111)
    assert not twice.holds
    assert "this is a defect" in _shown(twice)


def test_a_completion_recorded_twice_is_a_defect() -> None:
    act = ActSummary("fan-out", Recorded(runs=1, activities=1, retries=0, twice=1), 1.0)
    assert not dataclasses.replace(GOOD, acts=(act,)).holds
