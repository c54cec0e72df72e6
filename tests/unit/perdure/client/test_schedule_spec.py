"""When an action is taken: as users say it, and as it travels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from perdure.client import ScheduleCalendarSpec, ScheduleIntervalSpec, ScheduleRange, ScheduleSpec
from perdure.client.schedule_spec import microseconds, moment_us, spec_of_wire, spec_to_wire
from perdure.protocol import schedule as wire

HOUR = timedelta(hours=1)


def test_a_spec_comes_back_as_it_was() -> None:
    spec = ScheduleSpec(
        calendars=[ScheduleCalendarSpec(hour=[ScheduleRange(9, 17, 2)], year=(ScheduleRange(2027),), comment="work")],
        intervals=[ScheduleIntervalSpec(HOUR), ScheduleIntervalSpec(HOUR, timedelta(minutes=5))],
        cron_expressions=["@daily"],
        skip=[ScheduleCalendarSpec()],
        start_at=datetime(2027, 1, 1, tzinfo=UTC),
        end_at=datetime(2028, 1, 1, tzinfo=timezone(HOUR)),
        jitter=timedelta(seconds=3),
        time_zone_name="Europe/Berlin",
    )
    spec.calendars[0].hour = tuple(spec.calendars[0].hour)
    assert spec_of_wire(spec_to_wire(spec)) == spec
    assert spec_of_wire(wire.ScheduleSpec()) == ScheduleSpec()
    assert spec_to_wire(ScheduleSpec(calendars=[ScheduleCalendarSpec()])).calendars == (wire.CalendarSpec(),)


def test_a_range_fills_itself_in() -> None:
    assert ScheduleRange(5) == ScheduleRange(5, 5, 1) == ScheduleRange(5, 3)
    assert ScheduleRange(1, 5) == ScheduleRange(1, 5, 1)


def test_moments_without_a_zone_are_in_utc() -> None:
    assert moment_us(datetime(1970, 1, 1, 1)) == moment_us(datetime(1970, 1, 1, 1, tzinfo=UTC)) == 3_600_000_000
    assert microseconds(None) == 0


def test_one_expression_is_no_list_of_them() -> None:
    with pytest.raises(TypeError, match="must be a list of texts"):
        spec_to_wire(ScheduleSpec(cron_expressions="@daily"))
