"""Schedules, as clients make, see and change them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.client import (
    Client,
    RPCError,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleIntervalSpec,
    ScheduleListActionStartWorkflow,
    ScheduleListState,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from perdure.client.execution import time_of
from perdure.converter import DataConverter
from perdure.protocol import schedule as wire
from perdure.protocol.payload import Payload, pack_payload_map, unpack_payload_map, unpack_payloads
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Greet, Rows, refuse

STATE = ScheduleState("why", True)
SECOND_US = 1_000_000
TAKEN = wire.ActionTaken(5 * SECOND_US, 6 * SECOND_US, wire.Execution("job-5", "run"))
INFO = wire.ScheduleInfo(
    SECOND_US, 0, 3, 1, 2, 4, 5, (wire.Execution("job-5", "run"),), (TAKEN,), (9 * SECOND_US,), "oh"
)


def schedule() -> Schedule:
    return Schedule(
        ScheduleActionStartWorkflow(Greet.run, "ada", id="greet", task_queue="q"),
        ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(hours=1))]),
        SchedulePolicy(ScheduleOverlapPolicy.BUFFER_ONE, timedelta(days=1), True),
        STATE,
    )


class Engine:
    """Knows one schedule, and refuses the first updates as made too late."""

    def __init__(self, late: int = 0) -> None:
        self.late = late
        self.asked: list[Any] = []

    def __call__(self, number: int, request: Any) -> Rows:
        self.asked.append(request)
        created = next(each for each in self.asked if isinstance(each, wire.CreateSchedule))
        row = wire.ScheduleDescription("s", created.schedule, INFO, 7, created.memo, created.search_attributes)
        match request:
            case wire.DescribeSchedule():
                yield number, ReplyKind.OK, row
            case wire.ListSchedules():
                token = b"" if request.page_token else b"next"
                yield number, ReplyKind.OK, wire.SchedulePage((row,), token)
            case wire.UpdateSchedule() if self.late:
                self.late -= 1
                yield from refuse(number, ErrorCode.FAILED_PRECONDITION, "changed meanwhile")
            case _:
                yield number, ReplyKind.OK, None

    def last(self, kind: type[Any]) -> Any:
        return [each for each in self.asked if isinstance(each, kind)][-1]


async def test_a_schedule_is_created_and_described() -> None:
    engine = Engine()
    async with client_of(engine) as (client, _):
        backfill = ScheduleBackfill(time_of(1), time_of(2), ScheduleOverlapPolicy.ALLOW_ALL)
        handle = await client.create_schedule(
            "s", schedule(), trigger_immediately=True, backfill=[backfill], memo={"note": 1}
        )
        request = engine.last(wire.CreateSchedule)
        assert (request.trigger, request.backfills) == (True, (wire.Backfill(1, 2, 6),))
        assert request.schedule.policy == wire.SchedulePolicy(2, 86_400_000_000, True)
        found = await handle.describe()
        assert (found.id, await found.memo(), await found.memo_value("note", type_hint=float)) == ("s", {"note": 1}, 1)
        assert await found.memo_value("none", 5) == 5
        with pytest.raises(KeyError, match="no 'none'"):
            await found.memo_value("none")
        assert (found.schedule.spec, found.schedule.policy) == (schedule().spec, schedule().policy)
        assert (found.schedule.state, found.search_attributes) == (STATE, {})
        info, execution = found.info, ScheduleActionExecutionStartWorkflow("job-5", "run")
        assert (info.num_actions, info.num_actions_missed_catchup_window, info.num_actions_skipped_overlap) == (3, 1, 2)
        assert (info.num_actions_dropped, info.num_actions_buffered, info.last_error) == (4, 5, "oh")
        assert info.running_actions == [execution]
        assert info.recent_actions == [ScheduleActionResult(time_of(5 * SECOND_US), time_of(6 * SECOND_US), execution)]
        assert (info.next_action_times, info.created_at) == ([time_of(9 * SECOND_US)], time_of(SECOND_US))
        assert info.last_updated_at is None


async def test_schedules_are_listed_page_by_page() -> None:
    engine = Engine()
    async with client_of(engine) as (client, _):
        await client.create_schedule("s", schedule())
        rows = [row async for row in await client.list_schedules("ScheduleId = 's'", page_size=1)]
        assert [row.id for row in rows] == ["s", "s"]
        assert rows[0].schedule.action == ScheduleListActionStartWorkflow("Greeting")
        assert rows[0].schedule.state == ScheduleListState("why", True)
        assert (len(rows[0].info.recent_actions), await rows[0].memo()) == (1, {})
        request = engine.last(wire.ListSchedules)
        assert (request.query, request.page_size, request.page_token) == ("ScheduleId = 's'", 1, b"next")


async def test_what_is_told_to_a_schedule() -> None:
    engine = Engine()
    async with client_of(engine) as (client, _):
        handle = await client.create_schedule("s", schedule())
        await handle.pause()
        assert engine.last(wire.PatchSchedule).pause == "Paused via Python SDK"
        await handle.pause(note="holidays")
        assert engine.last(wire.PatchSchedule).pause == "holidays"
        await handle.unpause(note="back")
        assert engine.last(wire.PatchSchedule).unpause == "back"
        await handle.trigger()
        assert engine.last(wire.PatchSchedule).trigger_overlap == 0
        await handle.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
        assert engine.last(wire.PatchSchedule).trigger_overlap == 6
        naive = datetime(1970, 1, 1)
        await handle.backfill(ScheduleBackfill(naive, naive), ScheduleBackfill(naive, naive.replace(tzinfo=UTC)))
        assert engine.last(wire.PatchSchedule).backfills == (wire.Backfill(0, 0), wire.Backfill(0, 0))
        with pytest.raises(ValueError, match="At least one backfill"):
            await handle.backfill()
        await client.get_schedule_handle("s").delete()
        assert engine.last(wire.DeleteSchedule) == wire.DeleteSchedule("default", "s")


async def test_an_update_is_made_of_what_there_is() -> None:
    engine = Engine(late=2)
    async with client_of(engine) as (client, _):
        handle = await client.create_schedule("s", schedule())
        seen = 0

        async def updater(input: ScheduleUpdateInput) -> ScheduleUpdate:
            nonlocal seen
            seen += 1
            input.description.schedule.state.note = "changed"
            return ScheduleUpdate(input.description.schedule)

        await handle.update(updater)
        request = engine.last(wire.UpdateSchedule)
        assert (seen, request.token, request.schedule.state.note) == (3, 7, "changed")
        assert request.schedule.action == engine.last(wire.CreateSchedule).schedule.action
        assert request.search_attributes is None
        await handle.update(lambda input: None)
        assert engine.last(wire.UpdateSchedule) is request


async def test_what_is_refused() -> None:
    async with client_of(lambda number, request: refuse(number, ErrorCode.ALREADY_STARTED, "taken")) as (client, _):
        with pytest.raises(ScheduleAlreadyRunningError, match="already running"):
            await client.create_schedule("s", schedule())
        with pytest.raises(ValueError, match="the schedule id"):
            await client.create_schedule("", schedule())
        for limited, remaining in ((True, 0), (False, 3)):
            wrong = schedule()
            wrong.state = ScheduleState(limited_actions=limited, remaining_actions=remaining)
            with pytest.raises(ValueError, match="Must set limited actions"):
                await client.create_schedule("s", wrong)
    async with client_of(lambda number, request: refuse(number, ErrorCode.NOT_FOUND, "unknown")) as (client, _):
        with pytest.raises(RPCError, match="unknown"):
            await client.get_schedule_handle("s").update(lambda input: None)


class Upside:
    """A codec that turns bytes around."""

    async def encode(self, payloads: Any) -> list[Payload]:
        return [
            Payload(
                {
                    "encoding": b"upside",
                },
                pack_payload_map({"p": each})[::-1],
            )
            for each in payloads
        ]

    async def decode(self, payloads: Any) -> list[Payload]:
        return [unpack_payload_map(each.data[::-1])["p"] for each in payloads]


async def test_a_codec_sees_what_is_the_users() -> None:
    engine = Engine()
    async with client_of(engine) as (plain, _):
        client = Client(plain.transport, data_converter=DataConverter(payload_codec=Upside()))  # type: ignore[arg-type]
        handle = await client.create_schedule("s", schedule(), memo={"note": 1})
        start = engine.last(wire.CreateSchedule).schedule.action.workflow
        assert [each.metadata for each in unpack_payloads(start.input)] == [{"encoding": b"upside"}]
        found = await handle.describe()
        assert await found.memo() == {"note": 1}
        await handle.update(lambda input: ScheduleUpdate(input.description.schedule))
        assert engine.last(wire.UpdateSchedule).schedule.action.workflow.input == start.input
