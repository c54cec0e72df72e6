"""Time, chance and UUIDs inside of workflows, and that nothing changes outside."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
import uuid
from datetime import date, datetime as imported_datetime, timedelta
from random import randint
from time import time as imported_time
from typing import Any
from uuid import uuid4

import pytest

from perdure import workflow
from perdure.converter import DataConverter
from perdure.execution import stand_ins
from perdure.workflow import WorkflowIOError
from tests.workflow_story import BEGIN_US, Story


@workflow.defn
async def asks_the_library() -> list[Any]:
    return [
        [time.time(), time.time_ns() / 1e9, time.monotonic(), imported_time()],
        [
            imported_datetime.now(datetime.UTC).timestamp(),
            imported_datetime.now().timestamp(),
            imported_datetime.today().timestamp(),
            imported_datetime.utcnow().replace(tzinfo=datetime.UTC).timestamp(),
            datetime.datetime.now(datetime.UTC).timestamp(),
        ],
        [str(date.today()), str(datetime.date.today())],
        [random.random(), randint(1, 10**9), random.choice(range(10**9)), str(uuid4()), str(uuid.uuid4())],
    ]


@pytest.fixture(autouse=True)
def _adapted() -> Any:
    """This module as a worker leaves it; and as it was."""
    before = dict(globals())
    stand_ins.install()
    stand_ins.adapt_module_of(asks_the_library)
    yield
    globals().update(before)


def test_inside_they_are_the_workflows() -> None:
    results = []
    for _ in range(2):
        story = Story(asks_the_library)
        story.task()
        results.append(story.result)
    times, datetimes, dates, chance = results[0]
    begin = BEGIN_US / 1e6
    assert times == [begin] * 4
    assert datetimes == [begin] * 5
    assert len(set(dates)) == 1
    assert len(set(map(str, chance))) == 5
    assert results[0] == results[1]


async def _one() -> int:
    return 1


async def test_outside_they_are_the_real_ones() -> None:
    assert abs(time.time() - imported_time()) < 5
    assert time.time() > 1_700_000_000
    assert time.monotonic() != time.time()
    assert uuid4() != uuid.uuid4()
    assert abs(imported_datetime.now().timestamp() - time.time()) < 5
    assert date.today() == imported_datetime.now().date()
    before = time.monotonic()
    await asyncio.sleep(0)
    assert time.monotonic() >= before
    finished = [await f for f in asyncio.as_completed([_one()])]
    assert finished == [1]


def test_the_classes_pass_for_the_real_ones() -> None:
    moment = imported_datetime(2026, 1, 2, tzinfo=datetime.UTC)
    assert type(moment).__module__ == "datetime"
    assert isinstance(moment, imported_datetime)
    assert isinstance(moment, datetime.datetime)
    assert isinstance(date(2026, 1, 1), date)
    assert issubclass(type(moment), imported_datetime)
    assert imported_datetime.fromisoformat("2026-01-02T00:00:00+00:00") == moment
    converter = DataConverter.default
    data = converter.to_bytes([moment, date(2026, 1, 1)])
    assert converter.from_bytes(data, [imported_datetime, date]) == [moment, date(2026, 1, 1)]


def test_blocking_sleep_is_refused() -> None:
    @workflow.defn
    async def sleepy() -> None:
        time.sleep(1)  # noqa: ASYNC251  # the mistake under test

    with pytest.raises(WorkflowIOError, match=r"asyncio\.sleep"):
        Story(sleepy).task()


def test_sleeping_for_a_timedelta() -> None:
    @workflow.defn
    async def sleepy() -> str:
        result: str = await asyncio.sleep(timedelta(seconds=2), "slept")  # type: ignore[arg-type]
        return result

    story = Story(sleepy)
    story.task()
    story.fire_timer()
    story.task()
    assert story.result == "slept"
