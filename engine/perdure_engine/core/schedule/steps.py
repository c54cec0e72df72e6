"""How a schedule goes on: what becomes due, what is decided about it, and what came of that.

Role: the caller (`perdure_engine.system.schedules`) does this with each schedule that is due, again and again:
1. does what `starting` and `ending` say, and tells `started`, `refused`, `ended`;
2. looks at what runs, and tells `went_on` and `closed`;
3. lets time pass (`advanced`), decides (`decided`), and keeps what comes out before it does any of it.

Rules: nothing is done that was not kept before, so that whoever takes a schedule over does the same things by the same
names, which take effect once. A moment is decided about once.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure.protocol.schedule import ActionTaken, Execution
from perdure_engine.core.schedule.overlap import moves
from perdure_engine.core.schedule.progress import (
    BUFFER_MAX,
    RECENT_MAX,
    RUNNING_MAX,
    Definition,
    Ending,
    Ongoing,
    Progress,
    Running,
    Start,
    Starting,
)
from perdure_engine.core.schedule.times import Times, times_of

MOMENTS_MAX = 1_000
"""Moments that are looked at in one step: a long time that nobody looked is made up for in several."""

FAILED = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)


class Plan(NamedTuple):
    """A schedule with what it is, ready to be asked for its times."""

    namespace: str
    schedule_id: str
    definition: Definition
    times: Times


def plan_of(namespace: str, schedule_id: str, definition: Definition) -> Plan:
    """Raises:
    SpecError, CronError: the spec cannot be understood.
    """
    return Plan(namespace, schedule_id, definition, times_of(definition.spec, f"{namespace}\0{schedule_id}"))


# Time passes ----------------------------------------------------------------------------------------------------------


def advanced(plan: Plan, progress: Progress, now_us: int) -> Progress:
    """What has become due by now is due; what is too late for the catch-up window is missed."""
    return _backfilled(plan, _passed(plan, progress, now_us))


def _passed(plan: Plan, progress: Progress, now_us: int) -> Progress:
    if not progress.takes_actions:
        return progress._replace(seen_us=max(progress.seen_us, now_us))
    too_late_us = now_us - plan.definition.policy.catchup_window_us
    due, seen_us = list(progress.due), progress.seen_us
    missed = dropped = 0
    for _ in range(MOMENTS_MAX):
        moment = plan.times.after(seen_us)
        if moment is None or moment.actual_us > now_us:
            break
        seen_us = moment.nominal_us
        if moment.actual_us <= progress.updated_us:
            continue  # it was another schedule then
        if moment.actual_us < too_late_us:
            missed += 1
        elif len(due) >= BUFFER_MAX:
            dropped += 1
        else:
            due.append(Start(moment.nominal_us, moment.actual_us))
    if missed == MOMENTS_MAX:  # the others are not counted one by one
        seen_us = max(seen_us, too_late_us - plan.definition.spec.jitter_us)
    if seen_us == progress.seen_us:
        return progress
    counts = progress.counts
    counts = counts._replace(missed=counts.missed + missed, dropped=counts.dropped + dropped)
    return progress._replace(seen_us=seen_us, due=tuple(due), counts=counts)


def _backfilled(plan: Plan, progress: Progress) -> Progress:
    """As much of the first backfill as there is room for."""
    if not progress.backfills or len(progress.due) >= BUFFER_MAX // 2:
        return progress
    backfill, due = progress.backfills[0], list(progress.due)
    while len(due) < BUFFER_MAX:
        moment = plan.times.after(backfill.seen_us)
        if moment is None or moment.nominal_us > backfill.end_us:
            return progress._replace(due=tuple(due), backfills=progress.backfills[1:])
        backfill = backfill._replace(seen_us=moment.nominal_us)
        due.append(Start(moment.nominal_us, moment.actual_us, backfill.overlap, True, backfill.origin))
    rest: tuple[Ongoing, ...] = (backfill, *progress.backfills[1:])
    return progress._replace(due=tuple(due), backfills=rest)


# What is decided ------------------------------------------------------------------------------------------------------


def decided(plan: Plan, progress: Progress) -> Progress:
    """What is done about that which is due, as far as nothing is under way."""
    if not progress.due or progress.starting or progress.ending:
        return progress
    policy = plan.definition.policy.overlap
    chosen = moves(progress.due, is_running=progress.is_blocked, policy=policy)
    state, starting = progress.state, []
    for start, counts in [(chosen.first, True), *((start, False) for start in chosen.beside)]:
        if start is None:
            continue
        if not start.manual:
            if state.paused or (state.limited and state.remaining <= 0):
                continue
            if state.limited:
                state = state._replace(remaining=state.remaining - 1)
        starting.append(Starting(start, counts))
    wanted = 2 if chosen.terminate else 1 if chosen.cancel else 0
    ending = tuple(
        Ending(run.workflow_id, run.first_run_id, run.run_id, wanted == 2, run.is_activity)
        for run in progress.running
        if run.counts and run.asked < wanted
    )
    token = progress.token + (state != progress.state)
    counts_now = progress.counts._replace(skipped=progress.counts.skipped + chosen.skipped)
    return progress._replace(
        state=state, token=token, due=chosen.kept, starting=tuple(starting), ending=ending, counts=counts_now
    )


# What came of it ------------------------------------------------------------------------------------------------------


def started(progress: Progress, start: Start, execution: Execution, now_us: int, *, is_watched: bool) -> Progress:
    """An action was taken. `is_watched`: its end matters, even if nobody waits for it."""
    starting = tuple(each for each in progress.starting if each.start != start)
    counts = any(each == Starting(start, True) for each in progress.starting)
    running = progress.running
    if counts or is_watched:
        workflow_id, run_id, is_activity = execution
        running = (*running, Running(workflow_id, run_id, run_id, counts, is_activity=is_activity))
        while len(running) > RUNNING_MAX:
            oldest = next((run for run in running if not run.counts), running[0])
            running = tuple(run for run in running if run is not oldest)
    recent = (*progress.recent, ActionTaken(start.actual_us, now_us, execution))[-RECENT_MAX:]
    taken = progress.counts._replace(taken=progress.counts.taken + 1)
    return progress._replace(starting=starting, running=running, recent=recent, counts=taken)


def refused(progress: Progress, start: Start, problem: str) -> Progress:
    """An action cannot be taken, and never will be."""
    starting = tuple(each for each in progress.starting if each.start != start)
    return progress._replace(starting=starting, last_error=problem)


def ended(progress: Progress, ending: Ending) -> Progress:
    """A run was asked to end, or is gone."""
    asked = 2 if ending.terminate else 1
    running = tuple(
        run._replace(asked=max(run.asked, asked)) if run.run_id == ending.run_id else run for run in progress.running
    )
    return progress._replace(ending=tuple(each for each in progress.ending if each != ending), running=running)


def went_on(progress: Progress, run: Running, next_run_id: str) -> Progress:
    """Another run took over from this one: a retry, a cron schedule, a continuation."""
    running = tuple(
        each._replace(run_id=next_run_id, asked=0) if each.first_run_id == run.first_run_id else each
        for each in progress.running
    )
    return progress._replace(running=running)


def closed(plan: Plan, progress: Progress, run: Running, outcome: Outcome | None) -> Progress:
    """What an action started is over; None: nobody knows how, since it is forgotten already."""
    running = tuple(each for each in progress.running if each.first_run_id != run.first_run_id)
    progress = progress._replace(running=running)
    if outcome is None:
        return progress
    if outcome.status == ExecutionStatus.COMPLETED:
        return progress._replace(last_result=outcome.result, last_failure=None)
    if outcome.status not in FAILED:
        return progress
    progress = progress._replace(last_failure=outcome.failure)
    if plan.definition.policy.pause_on_failure and not progress.state.paused:
        word = "failure" if outcome.status == ExecutionStatus.FAILED else "timeout"
        reason = f": {outcome.failure.message}" if outcome.failure is not None else ""
        kind = "activity" if run.is_activity else "workflow"
        note = f"paused due to {kind} {word}: {run.workflow_id}{reason}"
        progress = progress._replace(state=progress.state._replace(paused=True, note=note), token=progress.token + 1)
    return progress


# When to look again ---------------------------------------------------------------------------------------------------


def is_watched(plan: Plan) -> bool:
    """Whether the end of what the schedule starts matters at once, even if nothing waits for it."""
    return plan.definition.policy.pause_on_failure


def waits(plan: Plan, progress: Progress) -> bool:
    """Whether something happens when what runs is over."""
    return bool(progress.running) and (bool(progress.due) or bool(progress.backfills) or is_watched(plan))


def look_us(plan: Plan, progress: Progress, now_us: int) -> int | None:
    """When there is something to do, if nothing happens before that; None: never."""
    if progress.starting or progress.ending or (progress.due and not progress.is_blocked):
        return now_us
    if progress.backfills and len(progress.due) < BUFFER_MAX // 2:
        return now_us
    moment = plan.times.after(progress.seen_us) if progress.takes_actions else None
    return None if moment is None else max(moment.actual_us, 0)


def next_times(plan: Plan, progress: Progress, count: int) -> tuple[int, ...]:
    """The next moments, with their jitter, that the schedule would take actions at if it were not paused."""
    if progress.state.limited:
        count = min(count, progress.state.remaining)
    found: list[int] = []
    seen_us = progress.seen_us
    while len(found) < count:
        moment = plan.times.after(seen_us)
        if moment is None:
            break
        seen_us = moment.nominal_us
        found.append(moment.actual_us)
    return tuple(found)
