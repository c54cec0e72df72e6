"""The tasks of the load: activities without a workflow, some in a queue under limits, some started by a schedule.

Role: what users write, and the plan of each, as a function of a seed and its number (see `plans`). What an attempt
does, it writes to a file of its own in the outside ledger.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from perdure import activity
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError
from tests.chaos import ledger

LIMITED_QUEUE = "chaos-limited"
CONCURRENCY = 3
"""Tasks of the queue under limits that may be with workers at a time."""

SCHEDULE_ID = "chaos-schedule"
EVERY_SECONDS = 2
"""The schedule starts a task so often, whatever else runs."""

TIMEOUT = timedelta(seconds=20)
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=2))
AT_MOST_ONCE = RetryPolicy(maximum_attempts=1)


class TaskKind(StrEnum):
    PLAIN = "plain"
    RETRY = "retry"
    LATER = "later"
    ONCE = "once"
    LIMITED = "limited"


_SHARES = {TaskKind.PLAIN: 40, TaskKind.RETRY: 15, TaskKind.LATER: 15, TaskKind.ONCE: 10, TaskKind.LIMITED: 20}


@dataclass(frozen=True)
class TaskPlan:
    """`failures`: attempts that fail first; `delay_seconds`: it is not to begin before."""

    number: int
    kind: TaskKind
    seconds: float
    failures: int = 0
    delay_seconds: float = 0.0


def task_plan_of(seed: int, number: int) -> TaskPlan:
    """The plan of task `number`."""
    rng = random.Random(f"{seed}/task {number}")
    kind = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    seconds = rng.choice([0.0, 0.01, 0.1, 0.5])
    failures = rng.randint(1, 3) if kind is TaskKind.RETRY else 0
    delay = round(rng.uniform(0.1, 6.0), 1) if kind is TaskKind.LATER else 0.0
    return TaskPlan(number, kind, seconds, failures, delay)


@dataclass(frozen=True)
class Deed:
    """An attempt began (`note` "begin") or ended ("end")."""

    task: str
    run_id: str
    attempt: int
    note: str
    at: float


def deeds_path(directory: Path) -> Path:
    return directory / "tasks.jsonl"


def read_deeds(directory: Path) -> dict[str, list[Deed]]:
    """By task, in order of time."""
    deeds: defaultdict[str, list[Deed]] = defaultdict(list)
    for line in ledger.read_lines(deeds_path(directory)):
        deeds[line["task"]].append(Deed(**line))
    return dict(deeds)


def _note(note: str) -> None:
    info = activity.info()
    deed = Deed(info.activity_id, info.activity_run_id or "", info.attempt, note, ledger.true_time())
    ledger.append(deeds_path(Path(os.environ[ledger.ENVIRONMENT])), deed)


@activity.defn
async def task_work(number: int, failures: int, seconds: float) -> int:
    _note("begin")
    await asyncio.sleep(seconds)
    attempt = activity.info().attempt
    if attempt <= failures:
        raise ApplicationError(f"attempt {attempt} of {failures} that are to fail", type="Flaky")
    _note("end")
    return number


def options_of(plan: TaskPlan) -> dict[str, Any]:
    """How a client starts it, but for its queue."""
    return {
        "args": [plan.number, plan.failures, plan.seconds],
        "start_to_close_timeout": TIMEOUT,
        "retry_policy": AT_MOST_ONCE if plan.kind is TaskKind.ONCE else QUICK,
        "start_delay": timedelta(seconds=plan.delay_seconds) if plan.delay_seconds else None,
    }
