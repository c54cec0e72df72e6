"""What people do to a schedule: create it, update it, pause it, take its action, backfill.

Rules: a request that comes twice takes effect once. What was due before a change is due, as it was then.
"""

from __future__ import annotations

from collections.abc import Sequence

from perdure.protocol.ids import ID_LENGTH_MAX, text_problem
from perdure.protocol.schedule import (
    Backfill,
    CreateSchedule,
    OverlapPolicy,
    PatchSchedule,
    Schedule,
    ScheduleAction,
    UpdateSchedule,
)
from perdure_engine.core.schedule.progress import BUFFER_MAX, REQUESTS_MAX, Definition, Ongoing, Progress, Start
from perdure_engine.core.schedule.steps import Plan, advanced
from perdure_engine.core.standalone.start import start_problem

BACKFILLS_MAX = 100
"""Backfills of one schedule that are under way."""

ACTION_ID_LENGTH_MAX = ID_LENGTH_MAX - 25
"""Characters of the id of an action."""

TRIGGER_STEP_US = 1_000
"""Actions taken by hand are named by the millisecond, so that none has the name of a moment of the spec."""

SECOND_US = 1_000_000


def problem_of(schedule: Schedule) -> str | None:
    """What is wrong with a schedule, but for its spec; None: nothing."""
    problem = _action_problem(schedule.action)
    if problem is not None:
        return problem
    if schedule.policy.overlap not in set(OverlapPolicy) - {OverlapPolicy.UNSPECIFIED}:
        return f"there is no overlap policy of number {schedule.policy.overlap}"
    if schedule.policy.catchup_window_us < 0:
        return "the catch-up window must not be negative"
    if schedule.state.remaining < 0:
        return "the number of remaining actions must not be negative"
    return None


def _action_problem(action: ScheduleAction) -> str | None:
    workflow, activity = action
    if (workflow is None) == (activity is None):
        return "a schedule needs one action: a workflow or an activity to start"
    if activity is not None:
        kind, id = "activity", activity.activity_id
        problem = start_problem(activity)
    else:
        assert workflow is not None
        kind, id = "workflow", workflow.workflow_id
        problem = (
            text_problem("the workflow id", id)
            or text_problem("the workflow type", workflow.workflow_type)
            or text_problem("the task queue", workflow.task_queue)
        )
    if problem is None and len(id) > ACTION_ID_LENGTH_MAX:
        return f"the {kind} id of an action has at most {ACTION_ID_LENGTH_MAX} characters: a moment is put behind it"
    return problem


def backfill_problem(backfills: Sequence[Backfill], ongoing: int = 0) -> str | None:
    """What is wrong with backfills; None: nothing."""
    if len(backfills) + ongoing > BACKFILLS_MAX:
        return f"more than {BACKFILLS_MAX} backfills would be under way; ask for the others when some are done"
    for backfill in backfills:
        if backfill.end_us < backfill.start_us:
            return "a backfill ends before it starts"
        if backfill.overlap not in set(OverlapPolicy):
            return f"there is no overlap policy of number {backfill.overlap}"
    return None


def definition_for(schedule: Schedule, memo: bytes, search_attributes: bytes) -> Definition:
    return Definition(schedule.action, schedule.spec, schedule.policy, memo, search_attributes)


def created(request: CreateSchedule, now_us: int) -> Progress:
    """A new schedule."""
    progress = Progress(now_us, now_us, request.schedule.state, requests=(request.request_id,))
    if request.trigger:
        progress = _triggered(progress, OverlapPolicy.UNSPECIFIED, request.request_id, now_us)
    return _with_backfills(progress, request.backfills, request.request_id)


def updated(plan: Plan, progress: Progress, request: UpdateSchedule, now_us: int) -> Progress:
    """Of a schedule that is now what the request says; `plan` is what it was."""
    progress = advanced(plan, progress, now_us)
    return _noted(progress, request.request_id)._replace(
        state=request.schedule.state,
        token=progress.token + 1,
        updated_us=now_us,
        seen_us=max(progress.seen_us, now_us - request.schedule.spec.jitter_us - 1),
    )


def patched(plan: Plan, progress: Progress, request: PatchSchedule, now_us: int) -> Progress:
    """Of a schedule that was paused, unpaused, triggered or backfilled."""
    progress = _noted(advanced(plan, progress, now_us), request.request_id)
    for note, paused in ((request.pause, True), (request.unpause, False)):
        if note is not None:
            state = progress.state._replace(paused=paused, note=note)
            progress = progress._replace(state=state, token=progress.token + 1)
    if request.trigger_overlap is not None:
        progress = _triggered(progress, request.trigger_overlap, request.request_id, now_us)
    return _with_backfills(progress, request.backfills, request.request_id)


def _noted(progress: Progress, request_id: str) -> Progress:
    return progress._replace(requests=(*progress.requests, request_id)[-REQUESTS_MAX:])


def _triggered(progress: Progress, overlap: int, request_id: str, now_us: int) -> Progress:
    now_us -= now_us % TRIGGER_STEP_US
    known = {start.nominal_us for start in (*progress.due, *(start for start, _ in progress.starting))}
    known |= {taken.scheduled_us for taken in progress.recent}
    while now_us % SECOND_US == 0 or now_us in known:
        now_us += TRIGGER_STEP_US
    if len(progress.due) >= BUFFER_MAX:
        return progress._replace(counts=progress.counts._replace(dropped=progress.counts.dropped + 1))
    return progress._replace(due=(*progress.due, Start(now_us, now_us, overlap, True, request_id)))


def _with_backfills(progress: Progress, backfills: Sequence[Backfill], request_id: str) -> Progress:
    further = [
        Ongoing(backfill.start_us - 1, backfill.end_us, backfill.overlap, f"{request_id}/{number}")
        for number, backfill in enumerate(backfills)
    ]
    return progress._replace(backfills=(*progress.backfills, *further))
