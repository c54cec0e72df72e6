"""Lists of schedules, with and without a query."""

from __future__ import annotations

import pytest

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.schedule import CreateSchedule, ListSchedules, ScheduleAction, ScheduleState, decode_schedule_page
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure_engine.frontend import schedule_lists
from tests.engine_stage import Stage, start_request
from tests.unit.perdure_engine.core.schedule.schedules import schedule
from tests.unit.perdure_engine.frontend.test_schedules import create
from tests.unit.perdure_engine.frontend.test_service import answer, refusal

SEND = StartActivity("default", "mail", "send", "mails", b"in", "", "me", ActivityOptions(start_to_close_timeout_ms=5))
TEAMS = {"a": "red", "b": "blue"}


async def listed(stage: Stage, query: str = "", size: int = 2) -> list[str]:
    """The ids of all pages."""
    ids: list[str] = []
    token = b""
    while True:
        page = decode_schedule_page(await answer(stage, ListSchedules("default", size, token, query)))
        ids += [row.schedule_id for row in page.rows]
        token = page.next_page_token
        if not token:
            return ids


async def some(stage: Stage) -> None:
    """`a` and `b` start workflows, `b` is paused, `c` starts activities, and is paused."""
    team = int(SearchAttributeType.KEYWORD)
    await answer(stage, AddSearchAttributes("default", (("Team", team),)))
    for name, paused in (("c", True), ("a", False), ("b", True)):
        made = schedule(state=ScheduleState(paused=paused))
        if name == "c":
            made = made._replace(action=ScheduleAction(activity=SEND))
        attributes = pack_search_attributes({"Team": (team, TEAMS[name])} if name in TEAMS else {})
        request = CreateSchedule("default", name, made, f"create {name}", "me", search_attributes=attributes)
        await answer(stage, request)
    await answer(stage, create("d", namespace="another"))


async def test_schedules_are_listed_by_id_without_what_may_be_large(stage: Stage) -> None:
    await some(stage)
    assert await listed(stage) == ["a", "b", "c"]
    page = decode_schedule_page(await answer(stage, ListSchedules("default", 3)))
    assert page.rows[0].schedule.action == ScheduleAction(start_request("job", input=b""))
    assert page.rows[2].schedule.action == ScheduleAction(activity=SEND._replace(input=b""))
    assert len(page.rows[0].info.next_us) == 5
    assert "not made by a page" in (await refusal(stage, ListSchedules("default", 2, b"\x05"))).message


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ScheduleId = 'a'", ["a"]),
        ("scheduleid STARTS_WITH 'b' OR ScheduleId IN ('c')", ["b", "c"]),
        ("TemporalSchedulePaused = true", ["b", "c"]),
        ("NOT TemporalSchedulePaused = true", ["a"]),
        ("WorkflowType = 'type'", ["a", "b"]),
        ("ActivityType = 'send' AND TaskQueue = 'mails'", ["c"]),
        ("ActivityType IS NULL", ["a", "b"]),
        ("Team = 'red'", ["a"]),
        ("Team IS NOT NULL AND TemporalSchedulePaused = true", ["b"]),
        ("ScheduleId = 'd'", []),
    ],
)
async def test_a_query_leaves_out_the_others(stage: Stage, query: str, found: list[str]) -> None:
    await some(stage)
    assert await listed(stage, query) == found


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("ORDER BY ScheduleId", "schedules come by their ids: leave ORDER BY away"),
        ("StartTime > '2027-01-01'", "schedules have no StartTime here. There are ScheduleId, TemporalSchedulePaused"),
        ("Nothing = 1", "there is no field 'Nothing' here"),
        ("TemporalSchedulePaused = 'yes'", "TemporalSchedulePaused"),
    ],
)
async def test_what_cannot_be_asked_is_said(stage: Stage, query: str, problem: str) -> None:
    await some(stage)
    assert problem in (await refusal(stage, ListSchedules("default", 2, query=query))).message


async def test_a_page_does_not_read_all_that_there_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule_lists, "LOOKED_AT_MAX", 2)
    await some(stage)
    query = "ScheduleId = 'c'"
    page = decode_schedule_page(await answer(stage, ListSchedules("default", 1, query=query)))
    assert not page.rows
    assert page.next_page_token
    assert await listed(stage, query, 1) == ["c"]
