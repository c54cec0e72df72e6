"""Specs: what is due, what is left out, and by how much it is late."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.cron import CronError
from perdure.protocol.schedule import ALL_DAYS_OF_WEEK, CalendarSpec, IntervalSpec, Range, ScheduleSpec
from perdure_engine.core.schedule.times import Due, SpecError, Times, times_of

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
WHOLE = (Range(0, 59, 1),)
DAY_0_US = 1_800_144_000 * SECOND_US
"""Midnight of a Sunday."""


def times(**fields: Any) -> Times:
    return times_of(ScheduleSpec(**fields), "seed")


def after(found: Times, moment_us: int, count: int) -> list[int]:
    moments = []
    for _ in range(count):
        due = found.after(moment_us)
        if due is None:
            break
        moment_us = due.nominal_us
        moments.append(moment_us - DAY_0_US)
    return moments


def test_intervals_count_from_1970_and_have_an_offset() -> None:
    found = times(intervals=(IntervalSpec(HOUR_US, 60 * SECOND_US),))
    assert found.after(0) == Due(60 * SECOND_US, 60 * SECOND_US)
    assert found.after(60 * SECOND_US) == Due(HOUR_US + 60 * SECOND_US, HOUR_US + 60 * SECOND_US)
    assert found.after(60 * SECOND_US - 1) == Due(60 * SECOND_US, 60 * SECOND_US)


def test_a_spec_has_the_moments_of_any_of_its_parts_once() -> None:
    found = times(
        intervals=(IntervalSpec(6 * HOUR_US),),
        calendars=(CalendarSpec(hour=(Range(6, 7, 1),)),),
        cron_expressions=("0 8 * * *", "@every 12h"),
    )
    assert after(found, DAY_0_US, 5) == [hours * HOUR_US for hours in (6, 7, 8, 12, 18)]


def test_nothing_is_due_without_any_part() -> None:
    assert times().after(0) is None


def test_nothing_is_due_before_the_start_and_behind_the_end() -> None:
    found = times(intervals=(IntervalSpec(HOUR_US),), start_us=DAY_0_US, end_us=DAY_0_US + 2 * HOUR_US)
    assert after(found, 0, 9) == [0, HOUR_US, 2 * HOUR_US]


def test_exclusions() -> None:
    weekend = CalendarSpec(WHOLE, WHOLE, (Range(0, 23, 1),), day_of_week=(Range(0, 0, 1), Range(6, 6, 1)))
    lunch = CalendarSpec(hour=(Range(12, 12, 1),))
    found = times(intervals=(IntervalSpec(6 * HOUR_US),), skip=(weekend, lunch))
    monday = DAY_US
    assert after(found, DAY_0_US - HOUR_US, 4) == [monday + hours * HOUR_US for hours in (0, 6, 18, 24)]
    assert times(intervals=(IntervalSpec(SECOND_US),), skip=(weekend,)).after(DAY_0_US) == Due(
        DAY_0_US + monday, DAY_0_US + monday
    )
    always = CalendarSpec(WHOLE, WHOLE, (Range(0, 23, 1),))
    assert times(intervals=(IntervalSpec(HOUR_US),), skip=(always,)).after(DAY_0_US) is None


def test_jitter_follows_from_the_moment_and_stays_before_the_next_one() -> None:
    spec = ScheduleSpec(intervals=(IntervalSpec(10 * SECOND_US),), jitter_us=HOUR_US)
    late = []
    moment_us = 0
    for _ in range(200):
        due = times_of(spec, "one").after(moment_us)
        assert due is not None
        assert due == Times(spec, "one").after(moment_us)
        moment_us = due.nominal_us
        late.append(due.actual_us - due.nominal_us)
    assert all(0 <= us < 10 * SECOND_US for us in late)
    assert min(late) < SECOND_US < 9 * SECOND_US < max(late)
    assert times_of(spec, "another").after(0) != times_of(spec, "one").after(0)


def test_jitter_of_the_last_moment() -> None:
    found = times(intervals=(IntervalSpec(HOUR_US),), end_us=HOUR_US, jitter_us=60 * SECOND_US)
    last = found.after(0)
    assert last is not None
    assert HOUR_US <= last.actual_us < HOUR_US + 60 * SECOND_US


def test_sunday_is_0_and_7() -> None:
    for number in (0, 7):
        found = times(calendars=(CalendarSpec(day_of_week=(Range(number, number),)),))
        assert after(found, DAY_0_US - 1, 2) == [0, 7 * DAY_US]
    assert len(after(times(calendars=(CalendarSpec(day_of_week=ALL_DAYS_OF_WEEK),)), DAY_0_US, 7)) == 7


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"intervals": (IntervalSpec(0),)}, "whole seconds, from one second"),
        ({"intervals": (IntervalSpec(1_500_000),)}, "whole seconds"),
        ({"intervals": (IntervalSpec(SECOND_US, -SECOND_US),)}, "offset of an interval must not be negative"),
        ({"intervals": (IntervalSpec(SECOND_US, SECOND_US),)}, "less than the interval"),
        ({"intervals": (IntervalSpec(SECOND_US),) * 101}, "at most 100"),
        ({"calendars": (CalendarSpec(hour=(Range(24, 24, 1),)),)}, "hour of a calendar: numbers are from 0 to 23"),
        (
            {"skip": (CalendarSpec(day_of_month=(Range(3, 2, 1),)),)},
            "from 3 to 2 by 1 is not possible for the day of month",
        ),
        ({"calendars": (CalendarSpec(year=(Range(2026, 2026, 0),)),)}, "steps from 1"),
        ({"jitter_us": -1}, "jitter must not be negative"),
        ({"start_us": 2, "end_us": 1}, "ends before it starts"),
        ({"time_zone": "Nowhere/Town"}, "'Nowhere/Town' is unknown"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        times(**fields)
    with pytest.raises(CronError):
        times(cron_expressions=("never",))
