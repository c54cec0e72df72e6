"""What must be true of tasks when a campaign is over: the outside ledger, and what their driver was told, against rows.

Role: pure. The rules:

- A task whose start was acknowledged is in the store once, closed, as its plan says and as its driver was told.
- A recorded attempt did happen; nothing happened after the one that is recorded; at most once means once; an attempt
  runs twice only if Redis lost data between.
- Nothing begins before its delay is over.
- No more tasks of the queue under limits run at a time than it allows, but for what Redis had forgotten.
- The schedule started one task for each of its moments, from the first to the last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from tests.chaos import ledger
from tests.chaos.audit import PAUSE_SECONDS, Losses
from tests.chaos.ledger import Entry
from tests.chaos.records import TaskRow
from tests.chaos.task_load import CONCURRENCY, EVERY_SECONDS, Deed, TaskKind, TaskPlan

SKEW_SECONDS = 20.0
"""So far the clock of an engine may be off, by which a delay is counted."""

SCHEDULED = "scheduled-"


def task_problems(
    rows: Sequence[TaskRow],
    entries: dict[str, list[Entry]],
    deeds: dict[str, list[Deed]],
    losses: Losses,
    plan_for: Callable[[str], TaskPlan],
) -> Iterator[str]:
    """Args:
    entries, deeds: by task.
    """
    by_task: defaultdict[str, list[TaskRow]] = defaultdict(list)
    for row in rows:
        by_task[row.task].append(row)
    for task, told in entries.items():
        for problem in _of_driven(plan_for(task), told, by_task.get(task, []), deeds.get(task, [])):
            yield f"{task}: {problem}"
    for task, found in by_task.items():
        if len(found) > 1:
            yield f"{task}: it is in the store {len(found)} times"
        if task not in entries and not task.startswith(SCHEDULED):
            yield f"{task}: it is in the store, and nobody started it"
        for problem in _of_attempts(found[-1], deeds.get(task, []), losses):
            yield f"{task}: {problem}"
    for task in deeds.keys() - by_task.keys():
        yield f"{task}: it ran, and is not in the store"
    yield from _of_limits(by_task, entries, deeds, losses, plan_for)
    yield from _of_schedule(by_task)


def _of_driven(plan: TaskPlan, told: Sequence[Entry], rows: Sequence[TaskRow], deeds: Sequence[Deed]) -> Iterator[str]:
    ends = [entry.value for entry in told if entry.what == ledger.ENDED]
    if not rows:
        if any(entry.what == ledger.STARTED for entry in told):
            yield "its start was acknowledged, and it is not in the store"
        return
    if not ends:
        yield "its client was not told its end"
    for end in ends:
        if end["status"] != ("COMPLETED" if rows[-1].status == "COMPLETED" else "FAILED"):
            yield f"its client was told {end}, the store holds {rows[-1].status}"
        if end["status"] == "COMPLETED" and end["result"] != plan.number:
            yield f"it returned {end['result']!r}, not {plan.number}"
    if rows[-1].status != "COMPLETED" and plan.kind is not TaskKind.ONCE:
        yield f"it ended as {rows[-1].status}"
    begun = [deed for deed in deeds if deed.note == "begin"]
    if plan.kind is TaskKind.ONCE and len(begun) > 1:
        yield f"it was to run at most once, and did {len(begun)} times"
    if plan.delay_seconds > SKEW_SECONDS and begun:
        asked = told[0].at
        if begun[0].at < asked + plan.delay_seconds - SKEW_SECONDS:
            yield f"it began {begun[0].at - asked:.1f} s after it was asked for, not {plan.delay_seconds} s"


def _of_attempts(row: TaskRow, deeds: Sequence[Deed], losses: Losses) -> Iterator[str]:
    begins: defaultdict[int, list[float]] = defaultdict(list)
    for deed in deeds:
        if deed.note == "begin":
            begins[deed.attempt].append(deed.at)
    if row.status == "RUNNING":
        yield "it has not ended"
    elif row.status == "COMPLETED" and row.attempt not in begins:
        yield f"attempt {row.attempt} is recorded as completed and never happened"
    if max(begins, default=0) > row.attempt:
        yield f"attempt {row.attempt} is recorded, and attempts {sorted(begins)} happened"
    for attempt, times in begins.items():
        if len(times) > 1 and not losses.explain(times):
            yield f"attempt {attempt} ran {len(times)} times, and Redis had lost nothing: {sorted(times)}"


def _of_limits(
    by_task: dict[str, list[TaskRow]],
    entries: dict[str, list[Entry]],
    deeds: dict[str, list[Deed]],
    losses: Losses,
    plan_for: Callable[[str], TaskPlan],
) -> Iterator[str]:
    """Of each task the attempt that is recorded counts: others may linger in workers that were taken for lost."""
    moves: list[tuple[float, int, str]] = []
    for task in entries:
        if plan_for(task).kind is not TaskKind.LIMITED or task not in by_task:
            continue
        of_last = [deed for deed in deeds.get(task, []) if deed.attempt == by_task[task][-1].attempt]
        begins, ends = ([deed.at for deed in of_last if deed.note == note] for note in ("begin", "end"))
        if begins and ends:
            moves += [(min(begins), 1, task), (max(ends), -1, task)]
    running: dict[str, None] = {}
    for at, move, task in sorted(moves):
        if move < 0:
            running.pop(task, None)
            continue
        running[task] = None
        is_known = not any(began - PAUSE_SECONDS <= at <= ended + PAUSE_SECONDS for began, ended in losses.spans)
        if is_known and len(running) > CONCURRENCY:
            yield f"{task}: {sorted(running)} ran at a time; the queue allows {CONCURRENCY}"


def _of_schedule(by_task: dict[str, list[TaskRow]]) -> Iterator[str]:
    moments = sorted(
        datetime.fromisoformat(task.removeprefix(SCHEDULED).replace("Z", "+00:00")).timestamp()
        for task in by_task
        if task.startswith(SCHEDULED)
    )
    if not moments:
        yield "the schedule has started nothing"
        return
    wanted = int(moments[-1] - moments[0]) // EVERY_SECONDS + 1
    if len(moments) != wanted or any(moment % EVERY_SECONDS for moment in moments):
        yield f"the schedule had {wanted} moments, and started tasks at {len(moments)}: {moments}"
