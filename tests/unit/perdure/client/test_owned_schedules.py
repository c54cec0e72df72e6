"""Schedules that a program owns: kept as it says, beside those of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from perdure.client import (
    Client,
    Schedule,
    ScheduleActionStartActivity,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleSpec,
)
from perdure.client.owned_schedules import Change, NotOwned, Planned, carry_out, plan
from perdure.testing import WorkflowEnvironment

MINUTE = timedelta(minutes=1)


def hourly(argument: int = 1) -> Schedule:
    action = ScheduleActionStartActivity(
        "work",
        argument,
        id="work",
        task_queue="q",
        start_to_close_timeout=MINUTE,
        soft_timeout=MINUTE,
        result_ttl=MINUTE,
    )
    return Schedule(action, ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(hours=1))]))


async def keep(client: Client, wanted: Mapping[str, Schedule], owner: str = "ada") -> dict[str, Change]:
    planned = await plan(client, owner, wanted)
    await carry_out(client, owner, planned)
    return {each.id: each.change for each in planned}


async def test_they_are_as_their_owner_says() -> None:
    async with await WorkflowEnvironment.start_time_skipping() as environment:
        client = environment.client
        workflow = replace(hourly(), action=ScheduleActionStartWorkflow("Work", id="w", task_queue="q"))
        await client.create_schedule("of nobody", hourly())
        await keep(client, {"of bob": hourly()}, "bob")
        assert await keep(client, {"a": hourly(), "b": hourly(), "w": workflow}) == dict.fromkeys("abw", Change.CREATE)
        assert await keep(client, {"a": hourly(), "b": hourly(), "w": workflow}) == dict.fromkeys("abw", Change.KEEP)
        await client.get_schedule_handle("b").pause(note="not now")
        changed = await keep(client, {"b": hourly(2), "c": hourly()})
        assert changed == {"a": Change.DELETE, "b": Change.UPDATE, "c": Change.CREATE, "w": Change.DELETE}
        found = (await client.get_schedule_handle("b").describe()).schedule
        assert (found.state.paused, found.state.note) == (True, "not now")
        assert isinstance(found.action, ScheduleActionStartActivity)
        assert [payload.data for payload in found.action.args] == [b"2"]
        assert (found.action.soft_timeout, found.action.result_ttl) == (MINUTE, MINUTE)
        assert [row.id async for row in await client.list_schedules()] == ["b", "c", "of bob", "of nobody"]
        assert await keep(client, {}) == {"b": Change.DELETE, "c": Change.DELETE}


async def test_two_processes_at_once() -> None:
    async with await WorkflowEnvironment.start_time_skipping() as environment:
        client = environment.client
        await keep(client, {"gone": hourly()})
        planned = await plan(client, "ada", {"a": hourly()})
        await carry_out(client, "ada", planned)
        await carry_out(client, "ada", planned)
        assert [row.id async for row in await client.list_schedules()] == ["a"]


async def test_what_somebody_else_made_is_not_changed() -> None:
    async with await WorkflowEnvironment.start_time_skipping() as environment:
        client = environment.client
        await client.create_schedule("a", hourly())
        with pytest.raises(NotOwned, match=r"'ada' has not made.*perdure schedule delete 'a'"):
            await keep(client, {"a": hourly(2)})
        found: Any = (await client.get_schedule_handle("a").describe()).schedule.action
        assert [payload.data for payload in found.args] == [b"1"]


def test_what_is_planned_reads_well() -> None:
    assert Planned("a", Change.DELETE, None).change.value == "delete"
