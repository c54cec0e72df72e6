"""What people do to a schedule."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.schedule import (
    Backfill,
    CreateSchedule,
    OverlapPolicy,
    PatchSchedule,
    Schedule,
    ScheduleAction,
    SchedulePolicy,
    ScheduleState,
    UpdateSchedule,
)
from perdure_engine.core.schedule.changes import backfill_problem, created, patched, problem_of, updated
from perdure_engine.core.schedule.progress import BUFFER_MAX, REQUESTS_MAX, Ongoing, Start
from tests.engine_stage import start_request
from tests.unit.perdure_engine.core.schedule.schedules import SECOND_US, at, fresh, plan, schedule


def patch(**fields: Any) -> PatchSchedule:
    return PatchSchedule("default", "s", "asked", "me")._replace(**fields)


def test_a_new_schedule() -> None:
    request = CreateSchedule("default", "s", schedule(), "asked", "me", trigger=True, backfills=(Backfill(1, 2),))
    progress = created(request, at(0) + 5_500)
    assert (progress.seen_us, progress.requests) == (at(0) + 5_500, ("asked",))
    assert progress.due == (Start(at(0) + 5_000, at(0) + 5_000, 0, True, "asked"),)
    assert progress.backfills == (Ongoing(0, 2, 0, "asked/0"),)


def test_an_update_leaves_what_was_due() -> None:
    paused = ScheduleState("why", True)
    request = UpdateSchedule("default", "s", schedule(state=paused, jitter_us=SECOND_US), "asked", "me")
    progress = updated(plan(), fresh(), request, at(1) + 5)
    assert progress.due == (Start(at(1), at(1)),)
    assert (progress.state, progress.token, progress.updated_us) == (paused, 2, at(1) + 5)
    assert (progress.seen_us, progress.requests) == (at(1), ("asked",))
    later = updated(plan(), fresh(), request, at(1) + 5 * SECOND_US)
    assert later.seen_us == at(1) + 4 * SECOND_US - 1


def test_a_pause_and_its_end() -> None:
    progress = patched(plan(), fresh(), patch(pause="holidays"), at(1))
    assert progress.state == ScheduleState("holidays", True)
    assert (progress.due, progress.token) == ((Start(at(1), at(1)),), 2)
    progress = patched(plan(), progress, patch(unpause="back"), at(5))
    assert (progress.state, progress.seen_us) == (ScheduleState("back"), at(5))


def test_actions_taken_by_hand_have_moments_of_their_own() -> None:
    progress = fresh()
    for _ in range(3):
        progress = patched(plan(), progress, patch(trigger_overlap=int(OverlapPolicy.ALLOW_ALL)), at(0))
    assert [start.nominal_us - at(0) for start in progress.due] == [1_000, 2_000, 3_000]
    assert {(start.overlap, start.manual) for start in progress.due} == {(OverlapPolicy.ALLOW_ALL, True)}
    full = fresh()._replace(due=(Start(1, 1),) * BUFFER_MAX)
    full = patched(plan(), full, patch(trigger_overlap=0), at(0))
    assert (len(full.due), full.counts.dropped) == (BUFFER_MAX, 1)


def test_backfills_are_put_behind_one_another() -> None:
    backfills = (Backfill(1, 2, OverlapPolicy.BUFFER_ALL), Backfill(5, 5))
    progress = patched(plan(), fresh(), patch(backfills=backfills), at(0))
    assert progress.backfills == (Ongoing(0, 2, OverlapPolicy.BUFFER_ALL, "asked/0"), Ongoing(4, 5, 0, "asked/1"))


def test_requests_are_remembered_for_a_while() -> None:
    progress = fresh()
    for number in range(REQUESTS_MAX + 1):
        progress = patched(plan(), progress, patch(request_id=f"r{number}", pause=""), at(0))
    assert progress.requests == tuple(f"r{number}" for number in range(1, REQUESTS_MAX + 1))


def activity(**fields: str) -> StartActivity:
    return StartActivity("default", "a", "act", "q", b"", "", "me", ActivityOptions())._replace(**fields)


def of_activity(**fields: str) -> Schedule:
    return schedule()._replace(action=ScheduleAction(activity=activity(**fields)))


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (schedule()._replace(action=ScheduleAction()), "needs one action"),
        (schedule()._replace(action=ScheduleAction(start_request(""), activity())), "needs one action"),
        (of_activity(activity_id=""), "activity id must not be empty"),
        (of_activity(activity_id="x" * 990), "the activity id of an action has at most 975 characters"),
        (of_activity(task_queue=""), "task queue must not be"),
        (schedule()._replace(action=ScheduleAction(start_request(""))), "workflow id must not be empty"),
        (schedule()._replace(action=ScheduleAction(start_request("x" * 990))), "at most 975 characters"),
        (schedule()._replace(action=ScheduleAction(start_request(workflow_type=""))), "workflow type must not be"),
        (schedule()._replace(action=ScheduleAction(start_request(task_queue=""))), "task queue must not be"),
        (schedule()._replace(policy=SchedulePolicy(0)), "no overlap policy of number 0"),
        (schedule()._replace(policy=SchedulePolicy(7)), "no overlap policy of number 7"),
        (schedule()._replace(policy=SchedulePolicy(catchup_window_us=-1)), "window must not be negative"),
        (schedule()._replace(state=ScheduleState(remaining=-1)), "remaining actions must not be negative"),
    ],
)
def test_what_cannot_be_is_refused(broken: Schedule, problem: str) -> None:
    assert problem in str(problem_of(broken))
    assert problem_of(schedule()) is None


def test_backfills_that_cannot_be() -> None:
    assert backfill_problem([Backfill(1, 1)]) is None
    assert "ends before it starts" in str(backfill_problem([Backfill(2, 1)]))
    assert "no overlap policy of number 9" in str(backfill_problem([Backfill(1, 2, 9)]))
    assert "more than 100" in str(backfill_problem([Backfill(1, 2)], ongoing=100))
