"""Each rule of the audit of tasks finds what breaks it, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos import ledger
from tests.chaos.audit import Losses
from tests.chaos.ledger import Entry
from tests.chaos.records import TaskRow
from tests.chaos.task_audit import task_problems
from tests.chaos.task_load import CONCURRENCY, Deed, TaskKind, TaskPlan

PLAIN, ONCE, LATER = "task-0", "task-1", "task-2"
LIMITED = [f"task-{number}" for number in range(3, 4 + CONCURRENCY)]
MOMENTS = [f"scheduled-2027-01-15T08:00:0{second}Z" for second in (0, 2, 4)]

PLANS = {
    PLAIN: TaskPlan(0, TaskKind.PLAIN, 0.1),
    ONCE: TaskPlan(1, TaskKind.ONCE, 0.1),
    LATER: TaskPlan(2, TaskKind.LATER, 0.1, delay_seconds=30.0),
    **{task: TaskPlan(number, TaskKind.LIMITED, 0.1) for number, task in enumerate(LIMITED, 3)},
}


class Scene:
    """Each task ran by itself, and completed."""

    def __init__(self) -> None:
        self.rows: list[TaskRow] = []
        self.entries: dict[str, list[Entry]] = {}
        self.deeds: dict[str, list[Deed]] = {}
        for place, task in enumerate((*PLANS, *MOMENTS)):
            at = 100.0 + place
            self.rows.append(TaskRow(task, 1, "COMPLETED", 1))
            self.deeds[task] = [Deed(task, "run", 1, "begin", at), Deed(task, "run", 1, "end", at + 0.5)]
            if task in PLANS:
                end = {"status": "COMPLETED", "result": PLANS[task].number}
                self.entries[task] = [
                    Entry(task, ledger.START, None, 60.0),
                    Entry(task, ledger.STARTED, "run", 60.1),
                    Entry(task, ledger.ENDED, end, at + 1),
                ]

    def problems(self) -> list[str]:
        return [*task_problems(self.rows, self.entries, self.deeds, Losses([]), PLANS.__getitem__)]

    def replace_row(self, task: str, **fields: object) -> None:
        self.rows = [row._replace(**fields) if row.task == task else row for row in self.rows]  # type: ignore[arg-type]

    def begin_again(self, task: str, attempt: int = 1) -> None:
        self.deeds[task].append(Deed(task, "run", attempt, "begin", 200.0))


def lose(scene: Scene) -> None:
    scene.rows = [row for row in scene.rows if row.task != PLAIN]


def start_twice(scene: Scene) -> None:
    scene.rows.append(TaskRow(PLAIN, 2, "COMPLETED", 1))


def tell_otherwise(scene: Scene) -> None:
    scene.entries[PLAIN][-1] = Entry(PLAIN, ledger.ENDED, {"status": "COMPLETED", "result": 99}, 101.0)


def begin_early(scene: Scene) -> None:
    scene.deeds[LATER] = [Deed(LATER, "run", 1, "begin", 61.0)]


def run_all_at_once(scene: Scene) -> None:
    for task in LIMITED:
        scene.deeds[task] = [Deed(task, "run", 1, "begin", 100.0), Deed(task, "run", 1, "end", 101.0)]


def leave_out_a_moment(scene: Scene) -> None:
    scene.rows = [row for row in scene.rows if row.task != MOMENTS[1]]
    del scene.deeds[MOMENTS[1]]


def forget_the_deeds(scene: Scene) -> None:
    del scene.deeds[PLAIN]


SPOILED: dict[str, Callable[[Scene], None]] = {
    "it is not in the store": lose,
    "it is in the store 2 times": start_twice,
    "it returned 99": tell_otherwise,
    "it has not ended": lambda scene: scene.replace_row(PLAIN, status="RUNNING"),
    "it ended as FAILED": lambda scene: scene.replace_row(PLAIN, status="FAILED"),
    "it was to run at most once": lambda scene: scene.begin_again(ONCE),
    "Redis had lost nothing": lambda scene: scene.begin_again(PLAIN),
    "attempt 1 is recorded, and attempts": lambda scene: scene.begin_again(PLAIN, 2),
    "never happened": forget_the_deeds,
    "after it was asked for": begin_early,
    "ran at a time": run_all_at_once,
    "the schedule had 3 moments": leave_out_a_moment,
}


def test_nothing_is_found_where_all_is_well() -> None:
    assert Scene().problems() == []


@pytest.mark.parametrize("words", SPOILED)
def test_what_is_wrong_is_found(words: str) -> None:
    scene = Scene()
    SPOILED[words](scene)
    assert any(words in problem for problem in scene.problems()), scene.problems()
