"""Namespaces and types of search attributes, as any engine answers for them."""

from __future__ import annotations

import pytest

from perdure.protocol.operations import (
    AddSearchAttributes,
    DeleteNamespace,
    DescribeNamespace,
    ListSearchAttributes,
    PutNamespace,
    RemoveSearchAttribute,
)
from perdure.protocol.replies import ErrorCode
from perdure.protocol.schedule import (
    CreateSchedule,
    DeleteSchedule,
    IntervalSpec,
    Schedule,
    ScheduleAction,
    ScheduleSpec,
)
from perdure_engine.frontend.catalog import DESCRIPTION_LENGTH_MAX, SEARCH_ATTRIBUTES_MAX
from tests.engine_stage import Stage, start_request
from tests.unit.perdure_engine.frontend.test_service import answer, refusal, some_workflows

DAY_MS = 86_400_000


async def test_a_namespace_needs_no_registration(stage: Stage) -> None:
    assert await answer(stage, DescribeNamespace("anything")) == ("anything", 3 * DAY_MS, 0, "")


async def test_a_namespace_is_registered_once_and_changed(stage: Stage) -> None:
    name, kept, created, words = await answer(stage, PutNamespace("short", DAY_MS, "words", True))
    assert (name, kept, words) == ("short", DAY_MS, "words")
    assert created == stage.database.namespaces["short"].created_us > 0
    again = await refusal(stage, PutNamespace("short", DAY_MS, None, True))
    assert (again.code, "registered already" in again.message) == (ErrorCode.ALREADY_STARTED, True)
    assert await answer(stage, PutNamespace("short", 2 * DAY_MS)) == ("short", 2 * DAY_MS, created, "words")
    assert await answer(stage, PutNamespace("short", 0, "")) == ("short", 2 * DAY_MS, created, "")


async def test_only_a_namespace_without_runs_is_forgotten(stage: Stage) -> None:
    await some_workflows(stage)
    refused = await refusal(stage, DeleteNamespace("default"))
    assert "has 3 runs, 2 running. Delete all of them first (`perdure namespace delete" in refused.message
    await answer(stage, PutNamespace("short", DAY_MS))
    await answer(stage, AddSearchAttributes("short", (("Amount", 3),)))
    assert await answer(stage, DeleteNamespace("short")) is None
    assert (await refusal(stage, DeleteNamespace("short"))).code == ErrorCode.NOT_FOUND
    assert await answer(stage, ListSearchAttributes("short")) == ({},)


async def test_a_namespace_with_schedules_is_not_forgotten(stage: Stage) -> None:
    await answer(stage, PutNamespace("short", DAY_MS))
    spec = ScheduleSpec(intervals=(IntervalSpec(3_600_000_000),))
    what = Schedule(ScheduleAction(start_request("job")._replace(namespace="short")), spec)
    await answer(stage, CreateSchedule("short", "s", what, "create", "me"))
    assert "has schedules, which would go on" in (await refusal(stage, DeleteNamespace("short"))).message
    await answer(stage, DeleteSchedule("short", "s"))
    assert await answer(stage, DeleteNamespace("short")) is None


@pytest.mark.parametrize(
    "request_",
    [PutNamespace(""), PutNamespace("short", 1), PutNamespace("short", DAY_MS, "x" * (DESCRIPTION_LENGTH_MAX + 1))],
)
async def test_what_no_namespace_can_have(stage: Stage, request_: PutNamespace) -> None:
    assert (await refusal(stage, request_)).code == ErrorCode.INVALID_ARGUMENT


async def test_the_first_use_of_a_name_decides_its_type_in_its_namespace(stage: Stage) -> None:
    await answer(stage, AddSearchAttributes("default", (("Amount", 3), ("Customer", 2))))
    await answer(stage, AddSearchAttributes("default", (("Amount", 3),)))
    await answer(stage, AddSearchAttributes("other", (("Amount", 2),)))
    conflict = await refusal(stage, AddSearchAttributes("default", (("New", 1), ("Amount", 2))))
    assert "search attribute 'Amount' is Int in the namespace 'default', not Keyword" in conflict.message
    await answer(stage, RemoveSearchAttribute("default", "Amount"))
    assert (await refusal(stage, RemoveSearchAttribute("default", "Amount"))).code == ErrorCode.NOT_FOUND
    await answer(stage, AddSearchAttributes("default", (("Amount", 2),)))
    assert (await answer(stage, ListSearchAttributes("default")))[0] == {"Amount": 2, "Customer": 2, "New": 1}


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ((("workflowid", 2),), "workflowid is a field that every run has"),
        ((("a b", 2),), "'a b' is no name"),
        ((("Amount", 9),), "pairs of name and type"),
        (("Amount",), "pairs of name and type"),
        ((("BuildIds", 2),), "'BuildIds' is KeywordList"),
        (tuple((f"A{number}", 3) for number in range(SEARCH_ATTRIBUTES_MAX + 1)), "knows at most 1,000"),
    ],
)
async def test_what_no_search_attribute_can_be(stage: Stage, types: tuple[object, ...], message: str) -> None:
    assert message in (await refusal(stage, AddSearchAttributes("default", types))).message
