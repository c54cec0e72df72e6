"""What clients do about one activity id without a workflow: a plan, drawn ahead of time (see `plans`)."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from perdure.common import ActivityIDConflictPolicy, ActivityIDReusePolicy
from tests.simulation.plans import CLIENTS
from tests.simulation.programs import ProgramGenerator, Spec

TASKS = 12
"""Activity ids of a scenario that has any."""

NIGHT_S = 3_600.0
"""What is to begin after the night begins so long after the beginning of the simulation."""

MORNING_S = 20.0
"""Work goes on again so long before that."""


@dataclass(frozen=True)
class TaskStart:
    """Somebody starts an activity under the id. Times count from the first start of the plan.

    Attributes:
        label: names it; it travels with the arguments.
        after_close: `at_s` counts from the end of the first start's execution, as far as its client knows.
        executes: start and result are one request. `repeats_s`: else the same request is sent again at each of these
            times after it was answered.
        is_hurried: its sender gives up after a second.
        is_fresh: the id was made for this start, which is the only one.
    """

    client: int
    at_s: float
    label: str
    spec: Spec
    reuse: ActivityIDReusePolicy = ActivityIDReusePolicy.ALLOW_DUPLICATE
    conflict: ActivityIDConflictPolicy = ActivityIDConflictPolicy.FAIL
    delay_s: float = 0.0
    after_close: bool = False
    executes: bool = False
    repeats_s: tuple[float, ...] = ()
    is_hurried: bool = False
    is_fresh: bool = False


@dataclass(frozen=True)
class TaskAct:
    """`kind`: "cancel", "terminate", "describe", "result", "requeue", "list"; "complete" and "fail" report on it from
    outside of its worker."""

    kind: str
    client: int
    at_s: float


@dataclass
class TaskPlan:
    """`start_at_s`: from the beginning of the simulation. `is_of_the_night`: it is to begin when the night is over."""

    activity_id: str
    start_at_s: float
    starts: list[TaskStart]
    acts: list[TaskAct] = field(default_factory=list)
    is_of_the_night: bool = False


def draw_task_plan(number: int, dice: random.Random, load_s: float, *, has_night: bool) -> TaskPlan:
    """The plan of the activity id of this number; starts fall into the first `load_s` seconds."""
    specs = ProgramGenerator(dice, huge=0)
    activity_id = f"task-{number}"
    plan = TaskPlan(activity_id, dice.uniform(0, load_s), [])
    plan.is_of_the_night = has_night and number % 3 == 0
    form = dice.random()
    first = TaskStart(
        dice.randrange(CLIENTS),
        0.0,
        f"{activity_id}/first",
        specs.spec(),
        delay_s=NIGHT_S - plan.start_at_s + dice.uniform(0, 5) if plan.is_of_the_night else _delay_s(dice),
        executes=form < 0.3,
        repeats_s=tuple(dice.choice([0.0, dice.uniform(0, 30)]) for _ in range(dice.choice([0, 0, 1, 2]))),
        is_fresh=form > 0.75,
    )
    plan.starts.append(first)
    if not first.is_fresh:
        plan.starts += [
            _rival(f"{activity_id}/rival {index}", dice, specs) for index in range(dice.choice([0, 0, 1, 1, 2, 3]))
        ]
    _disturb(plan, dice)
    return plan


def _delay_s(dice: random.Random) -> float:
    return dice.choice([0.05, 1.0, 6.0]) if dice.random() < 0.25 else 0.0


def _rival(label: str, dice: random.Random, specs: ProgramGenerator) -> TaskStart:
    after_close = dice.random() < 0.6
    return TaskStart(
        dice.randrange(CLIENTS),
        dice.choice([0.0, 0.001, dice.uniform(0, 3)]),
        label,
        specs.spec(),
        dice.choice(list(ActivityIDReusePolicy)[-3:]),
        dice.choice(list(ActivityIDConflictPolicy)[-2:]),
        _delay_s(dice),
        after_close,
        executes=dice.random() < 0.3,
        is_hurried=dice.random() < 0.15,
    )


def _disturb(plan: TaskPlan, dice: random.Random) -> None:
    def add(kind: str, at_s: float) -> None:
        plan.acts.append(TaskAct(kind, dice.randrange(CLIENTS), at_s))

    fate = dice.random()
    if fate < 0.2:
        add("cancel", dice.choice([0.0, 0.01, dice.uniform(0, 3)]))
        if dice.random() < 0.2:
            add("cancel", dice.uniform(0, 3))
    elif fate < 0.3:
        add("terminate", dice.choice([0.0, 0.01, dice.uniform(0, 3)]))
    for kind, share in (
        ("describe", 0.2),
        ("result", 0.4),
        ("requeue", 0.3),
        ("list", 0.1),
        ("complete", 0.08),
        ("fail", 0.08),
    ):
        if dice.random() < share:
            add(kind, dice.uniform(0, 4))
