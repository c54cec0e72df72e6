"""Answers about schedules."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.replies import ErrorCode
from perdure.protocol.schedule import (
    Backfill,
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    PatchSchedule,
    ScheduleAction,
    ScheduleDescription,
    ScheduleSpec,
    ScheduleState,
    UpdateSchedule,
    decode_schedule_description,
)
from tests.engine_stage import Stage, pass_time
from tests.unit.perdure_engine.core.schedule.schedules import schedule
from tests.unit.perdure_engine.frontend.test_service import answer, refusal

PAUSED = ScheduleState("why", True)


def create(schedule_id: str = "s", **fields: Any) -> CreateSchedule:
    request = CreateSchedule("default", schedule_id, schedule(state=PAUSED), f"create {schedule_id}", "me")
    return request._replace(**fields)


def patch(**fields: Any) -> PatchSchedule:
    return PatchSchedule("default", "s", "patch", "me")._replace(**fields)


async def described(stage: Stage) -> ScheduleDescription:
    found: ScheduleDescription = decode_schedule_description(await answer(stage, DescribeSchedule("default", "s")))
    return found


async def test_a_schedule_is_described_as_it_was_created(stage: Stage) -> None:
    await answer(stage, create(memo=b"memo", search_attributes=b""))
    found = await described(stage)
    assert (found.schedule_id, found.schedule, found.memo) == ("s", create().schedule, b"memo")
    assert (found.token, found.info.created_us > 0, len(found.info.next_us)) == (1, True, 10)


async def test_an_id_is_taken_once(stage: Stage) -> None:
    await answer(stage, create())
    await answer(stage, create())  # a sender repeats itself
    error = await refusal(stage, create(request_id="another"))
    assert (error.code, error.message) == (ErrorCode.ALREADY_STARTED, "there is a schedule 's' already")


async def test_an_update_needs_the_token_of_what_it_changes(stage: Stage) -> None:
    await answer(stage, create())
    changed = schedule(state=ScheduleState("changed", True))
    update = UpdateSchedule("default", "s", changed, "update", "me", token=1)
    await answer(stage, update)
    await answer(stage, update)  # a sender repeats itself
    error = await refusal(stage, update._replace(request_id="another"))
    assert error.code == ErrorCode.FAILED_PRECONDITION
    found = await described(stage)
    assert (found.schedule, found.token, found.info.updated_us > 0) == (changed, 2, True)
    await answer(stage, update._replace(request_id="whatever", token=0, search_attributes=b"\x80"))
    assert (await described(stage)).search_attributes == b"\x80"


async def test_what_is_told_to_a_schedule_is_told_once(stage: Stage) -> None:
    await answer(stage, create())
    request = patch(unpause="go", backfills=(Backfill(1, 2),))
    await answer(stage, request)
    await answer(stage, request)
    await pass_time(1)
    found = await described(stage)
    assert (found.schedule.state, found.token) == (ScheduleState("go"), 2)
    assert not stage.database.executions


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (create(namespace=""), "the namespace must not be empty"),
        (create(schedule_id=""), "the schedule id must not be empty"),
        (create(schedule=schedule()._replace(action=ScheduleAction())), "needs one action"),
        (
            create(schedule=schedule()._replace(spec=ScheduleSpec(time_zone="Nowhere"))),
            "time zone 'Nowhere' is unknown",
        ),
        (create(schedule=schedule()._replace(spec=ScheduleSpec(cron_expressions=("x",)))), "must have five fields"),
        (create(backfills=(Backfill(2, 1),)), "a backfill ends before it starts"),
    ],
)
async def test_what_cannot_be_is_refused(stage: Stage, request_: CreateSchedule, problem: str) -> None:
    error = await refusal(stage, request_)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert problem in error.message
    assert not stage.database.schedules


async def test_changes_that_cannot_be(stage: Stage) -> None:
    await answer(stage, create())
    broken = schedule()._replace(spec=ScheduleSpec(jitter_us=-1))
    error = await refusal(stage, UpdateSchedule("default", "s", broken, "update", "me"))
    assert "jitter must not be negative" in error.message
    assert "ends before" in (await refusal(stage, patch(backfills=(Backfill(2, 1),)))).message


@pytest.mark.parametrize(
    "request_",
    [
        DescribeSchedule("default", "s"),
        DeleteSchedule("default", "s"),
        patch(pause="x"),
        UpdateSchedule("default", "s", schedule(), "u", "me"),
    ],
)
async def test_an_unknown_schedule(stage: Stage, request_: Any) -> None:
    error = await refusal(stage, request_)
    assert (error.code, error.message) == (
        ErrorCode.NOT_FOUND,
        "there is no schedule 's'; `perdure schedule list` shows them",
    )
