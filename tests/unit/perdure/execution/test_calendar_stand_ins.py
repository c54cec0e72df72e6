"""`datetime` and `date`: they pass for the real ones; what they say inside of a workflow is in `test_stand_ins`."""

from __future__ import annotations

import datetime as real
from datetime import UTC
from zoneinfo import ZoneInfo

from perdure import workflow
from perdure.converter import DataConverter
from perdure.execution.calendar_stand_ins import WorkflowDate, WorkflowDatetime, workflow_datetime
from tests.workflow_story import BEGIN_US, Story


def test_the_classes_pass_for_the_real_ones() -> None:
    moment = WorkflowDatetime(2026, 1, 2, tzinfo=UTC)
    assert type(moment) is real.datetime
    assert isinstance(moment, WorkflowDatetime)
    assert isinstance(WorkflowDate(2026, 1, 1), WorkflowDate)
    assert issubclass(real.datetime, WorkflowDatetime)
    assert WorkflowDatetime.fromisoformat("2026-01-02T00:00:00+00:00") == moment
    assert type(WorkflowDatetime.strptime("2026", "%Y")) is real.datetime
    converter = DataConverter.default
    data = converter.to_bytes([moment, WorkflowDate(2026, 1, 1)])
    assert converter.from_bytes(data, [WorkflowDatetime, WorkflowDate]) == [moment, real.date(2026, 1, 1)]


def test_the_module_has_the_rest_of_the_real_one() -> None:
    assert workflow_datetime.timedelta is real.timedelta
    assert workflow_datetime.datetime is WorkflowDatetime
    assert set(real.__all__) <= set(dir(workflow_datetime))


def test_outside_they_say_what_time_it_is() -> None:
    assert abs(WorkflowDatetime.now(UTC) - real.datetime.now(UTC)) < real.timedelta(seconds=5)
    assert WorkflowDate.today() == real.date.today()


def test_inside_they_are_exact_and_know_zones() -> None:
    odd_us = BEGIN_US + 123_457

    @workflow.defn
    async def asks() -> list[str]:
        times = [WorkflowDatetime.now(UTC), WorkflowDatetime.now(ZoneInfo("Asia/Tokyo")), WorkflowDatetime.utcnow()]
        with workflow.unsafe.sandbox_unrestricted():
            assert WorkflowDatetime.now(UTC) < times[0]
        return [str(time) for time in times]

    story = Story(asks)
    story.now_us = odd_us
    story.task()
    expected = real.datetime.fromtimestamp(0, UTC) + real.timedelta(microseconds=odd_us)
    in_tokyo = expected.astimezone(ZoneInfo("Asia/Tokyo"))
    assert story.result == [str(expected), str(in_tokyo), str(expected.replace(tzinfo=None))]
