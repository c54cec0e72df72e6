"""Executions are counted where they happen: what is missing, done twice or foreign fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.tally import ENVIRONMENT, RECORD, Tally, TallyError, drain_rate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tally(tmp_path: Path) -> Tally:
    tally = Tally(tmp_path / "tally")
    tally.begin()
    return tally


def _executed(tally: Tally, *numbers: int) -> None:
    with tally.path.open("ab") as file:
        for at, number in enumerate(numbers):
            file.write(RECORD.pack(number, 1_000 + at))


def test_each_task_has_its_moment(tally: Tally) -> None:
    _executed(tally, 2, 0, 1)
    assert tally.executed == 3
    assert tally.executions(3) == [1_001, 1_002, 1_000]


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ((0, 2), "1 of 3 tasks not executed: 1"),
        ((0, 1, 1, 2), "1 of 3 tasks executed more than once: 1"),
        ((0, 1, 2, 7), "1 of 3 tasks executed, but never asked for: 7"),
        ((), "3 of 3 tasks not executed: 0, 1, 2"),
    ],
)
def test_what_is_wrong_is_named(tally: Tally, numbers: tuple[int, ...], complaint: str) -> None:
    _executed(tally, *numbers)
    with pytest.raises(TallyError, match=complaint):
        tally.executions(3)


def test_a_new_run_begins_with_nothing(tally: Tally) -> None:
    _executed(tally, 0, 1)
    tally.begin()
    assert tally.executed == 0


def test_who_waits_for_what_does_not_come_is_told_how_far_it_came(tally: Tally) -> None:
    _executed(tally, 0)
    with pytest.raises(TallyError, match="1 of 2 tasks were executed"):
        tally.wait_full(2, timeout_s=0.0)
    tally.wait_full(1, timeout_s=0.0)


def test_processes_append_to_one_file(tally: Tally) -> None:
    program = (
        "import sys; from bench.tally import record; [record(n) for n in range(int(sys.argv[1]), int(sys.argv[2]))]"
    )
    environment = {**os.environ, ENVIRONMENT: str(tally.path)}
    children = [
        subprocess.Popen([sys.executable, "-c", program, *bounds], cwd=ROOT, env=environment)
        for bounds in (("0", "500"), ("500", "1000"))
    ]
    assert [child.wait() for child in children] == [0, 0]
    assert len(tally.executions(1_000)) == 1_000


def test_the_rate_of_a_drain_leaves_the_beginning_out() -> None:
    slow_beginning = [0] + [1_000_000_000 + number * 1_000_000 for number in range(99)]
    assert drain_rate(slow_beginning) == pytest.approx(1_000)
    assert drain_rate([5, 5]) > 0
