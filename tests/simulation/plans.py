"""What clients do about one workflow id: a plan, drawn ahead of time; each part of it says everything about itself."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from perdure.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from tests.simulation.programs import Program, ProgramGenerator, signals_wanted

CLIENTS = 3

FORGOTTEN_S = 6.0
"""A run is deleted so long after its end, when nothing that was sent to it is on its way any more."""

HUGE_SHARE = 1 / 600
"""One workflow in so many has a huge fan-out: one in about two dozen runs."""


@dataclass(frozen=True)
class Signal:
    """`name` is that of a handler of the workflow. A `hurried` one is given up by its sender after a second."""

    client: int
    at_s: float
    name: str
    label: str
    is_hurried: bool = False


@dataclass(frozen=True)
class Update:
    """`name` is that of a handler, `label` also the update id. `is_accepted_first`: its sender waits until it is
    accepted, then for its outcome. Several senders may send the same one."""

    client: int
    at_s: float
    name: str
    label: str
    is_hurried: bool = False
    is_accepted_first: bool = False


@dataclass(frozen=True)
class Rival:
    """Somebody else starts the same workflow id. `after_close`: once the run is over."""

    client: int
    at_s: float
    label: str
    program: Program
    conflict: WorkflowIDConflictPolicy = WorkflowIDConflictPolicy.FAIL
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE
    after_close: bool = False


@dataclass(frozen=True)
class Act:
    """`kind`: "cancel", "terminate", "query", "describe", "history", "list", "result"; "pause" holds its activities for
    a moment; "reset" has its run begin anew at a workflow task; "end_child" ends a child; "delete" has its run
    forgotten once it is over."""

    kind: str
    client: int
    at_s: float


@dataclass
class Plan:
    """Times are virtual seconds: `start_at_s` from the beginning of the simulation, others from the start.

    Attributes:
        attempts: how many the workflow has if it fails; 1: it has no retry policy.
        cron: whether it runs again and again until it is ended.
        brings: what comes along with the start, in one request: "signal", "update" or nothing.
        executes: start and result are one request.
        run_timeout_s, execution_timeout_s, start_delay_s: 0: none.
    """

    workflow_id: str
    program: Program
    client: int
    start_at_s: float
    executes: bool
    run_timeout_s: float = 0.0
    execution_timeout_s: float = 0.0
    start_delay_s: float = 0.0
    attempts: int = 1
    cron: bool = False
    brings: str = ""
    updates: list[Update] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    rivals: list[Rival] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)

    @property
    def has_many_runs(self) -> bool:
        """What one run was sent, another one may not know."""
        return bool(self.rivals) or self.attempts > 1 or self.cron or any(act.kind == "reset" for act in self.acts)


def draw_plan(number: int, dice: random.Random, load_s: float) -> Plan:
    """The plan of the workflow of this number; starts fall into the first `load_s` seconds."""
    programs = ProgramGenerator(dice, huge=int(dice.random() < HUGE_SHARE))
    program = programs.program()
    workflow_id = f"wf-{number}"
    plan = Plan(workflow_id, program, dice.randrange(CLIENTS), dice.uniform(0, load_s), dice.random() < 0.4)
    wanted = signals_wanted(program)
    plan.signals = [_signal(dice, f"{workflow_id}/{index}", is_needed=index < wanted) for index in range(wanted)]
    plan.signals += [
        _signal(dice, f"{workflow_id}/extra {index}", is_needed=False)
        for index in range(dice.choice([0, 0, 0, 0, 0, 0, 0, 1, 2, 9]))
    ]
    if dice.random() < 0.08:
        plan.start_delay_s = dice.choice([0.05, 1.0, 6.0])
    timeout = dice.random()
    if timeout < 0.06:
        plan.run_timeout_s = dice.choice([0.05, 1.0, 8.0])
    elif timeout < 0.09:
        plan.execution_timeout_s = dice.choice([0.05, 1.0, 8.0])
    if not wanted and dice.random() < 0.15:
        plan.attempts = dice.choice([2, 3])
    elif not wanted and not plan.start_delay_s and ["hang"] not in program["steps"] and dice.random() < 0.04:
        plan.cron = True
        plan.acts.append(Act("terminate", dice.randrange(CLIENTS), 9.0))
    _update(plan, dice)
    _disturb(plan, dice)
    needs_somebody = wanted > 0 or ["hang"] in program["steps"]
    _rival(plan, programs, dice, after_close=needs_somebody or dice.random() < 0.4)
    if not plan.has_many_runs and dice.random() < 0.15 and _can_begin_anew(program):
        plan.acts.append(Act("reset", dice.randrange(CLIENTS), dice.choice([0.1, dice.uniform(0, 4)])))
    if not plan.has_many_runs and "next" not in program and dice.random() < 0.15:
        plan.acts.append(Act("delete", dice.randrange(CLIENTS), FORGOTTEN_S))
    return plan


def _can_begin_anew(program: Program) -> bool:
    """Whether another run can do what this program says from any point on, without harm to others, and without what
    nobody sends any more."""
    kinds = json.dumps(program)
    return not signals_wanted(program) and not any(f'"{word}"' in kinds for word in ("child", "tell", "hang", "next"))


def _signal(dice: random.Random, label: str, *, is_needed: bool) -> Signal:
    name = dice.choice(["go", "go", "work"])
    return Signal(dice.randrange(CLIENTS), dice.uniform(0, 4), name, label, not is_needed and dice.random() < 0.4)


def _update(plan: Plan, dice: random.Random) -> None:
    """Now and then the workflow is sent updates, some of them by two clients at once."""
    plan.brings = dice.choice(["signal", "update", *[""] * 8])
    for number in range(dice.choice([0, 0, 0, 0, 1, 1, 2, 5])):
        label = f"{plan.workflow_id}/update {number}{dice.choice(['', '', '', '', '!refused', '!unlucky', '!fickle'])}"
        name, at_s = dice.choice(["change", "labor"]), dice.choice([0.0, dice.uniform(0, 4)])
        for _ in range(dice.choice([1, 1, 1, 2])):
            is_hurried, is_accepted_first = dice.random() < 0.2, dice.random() < 0.5
            update = Update(dice.randrange(CLIENTS), at_s, name, label, is_hurried, is_accepted_first)
            plan.updates.append(update)


def _disturb(plan: Plan, dice: random.Random) -> None:
    def add(kind: str, at_s: float) -> None:
        plan.acts.append(Act(kind, dice.randrange(CLIENTS), at_s))

    hangs = ["hang"] in plan.program["steps"]
    fate = dice.random()
    if fate < 0.13 or (hangs and fate < 0.6):
        add("cancel", dice.choice([0.0, 0.01, dice.uniform(0, 3)]))
        if dice.random() < 0.2:
            add("cancel", dice.uniform(0, 3))
        if hangs:  # an activity that completes although it was cancelled uses the cancellation up
            add("terminate", 9.0)
    elif fate < 0.2 or hangs:
        add("terminate", dice.choice([0.0, 0.01, dice.uniform(0, 3)]))
    if first_child(plan.program) is not None and dice.random() < 0.3:
        add("end_child", dice.uniform(0, 4))
    for kind, share in (
        ("query", 0.3),
        ("describe", 0.1),
        ("history", 0.1),
        ("result", 0.3),
        ("list", 0.04),
        ("pause", 0.2),
    ):
        if dice.random() < share:
            add(kind, dice.uniform(0, 4))


def first_child(program: Program) -> str | None:
    """The place of the first child among the outermost steps; None if there is none."""
    return next((str(number) for number, step in enumerate(program["steps"]) if step[0] == "child"), None)


def _rival(plan: Plan, programs: ProgramGenerator, dice: random.Random, *, after_close: bool) -> None:
    """Now and then somebody else wants the same workflow id, with a program that ends by itself. What a run needs from
    others must not go to its rival: then the rival waits until the run is over."""
    if dice.random() > 0.15:
        return
    program = programs.program()
    while signals_wanted(program) or ["hang"] in program["steps"]:
        program = programs.program()
    client, label = dice.randrange(CLIENTS), f"{plan.workflow_id}/rival"
    if after_close:
        reuse = dice.choice(list(WorkflowIDReusePolicy))
        at_s = dice.choice([0.0, dice.uniform(0, 1)])
        plan.rivals.append(Rival(client, at_s, label, program, reuse=reuse, after_close=True))
    else:
        conflict = dice.choice(
            [
                WorkflowIDConflictPolicy.FAIL,
                WorkflowIDConflictPolicy.USE_EXISTING,
                WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            ]
        )
        plan.rivals.append(Rival(client, dice.choice([0.0, 0.001, dice.uniform(0, 3)]), label, program, conflict))
