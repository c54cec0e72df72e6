"""The moments of schedules, against every second of some hours, one by one: through both changes of the clocks."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from hypothesis import given, settings, strategies as st

from perdure.protocol.schedule import CalendarSpec, IntervalSpec, Range, Ranges, ScheduleSpec
from perdure_engine.core.schedule.overlap import moves
from perdure_engine.core.schedule.progress import Start
from perdure_engine.core.schedule.times import Times

SECOND_US = 1_000_000
HOURS_S = 4 * 3_600
FOUND_MAX = 100
BEGINNINGS = {
    "UTC": ["2027-02-28T22:00+00:00"],
    "Europe/Berlin": ["2027-03-27T23:30+00:00", "2027-10-30T23:30+00:00"],
    "Australia/Lord_Howe": ["2027-04-03T13:00+00:00", "2027-10-02T13:00+00:00"],  # half an hour
    "America/Santiago": ["2026-09-06T02:00+00:00"],  # at midnight
}


def ranges(first: int, last: int) -> st.SearchStrategy[Ranges]:
    numbers = st.integers(first, last)
    one = st.tuples(numbers, numbers, st.integers(1, 20)).map(lambda row: Range(min(row[:2]), max(row[:2]), row[2]))
    return st.lists(one, min_size=0, max_size=2).map(tuple)


def whole(first: int, last: int) -> st.SearchStrategy[Ranges]:
    return st.one_of(st.just((Range(first, last),)), ranges(first, last))


calendars = st.builds(
    CalendarSpec,
    second=whole(0, 59),
    minute=whole(0, 59),
    hour=whole(0, 23),
    day_of_month=whole(1, 31),
    month=st.just((Range(1, 12),)),
    year=st.just(()),
    day_of_week=whole(0, 7),
)
intervals = st.builds(
    lambda every, offset: IntervalSpec(every * SECOND_US, offset % every * SECOND_US),
    st.integers(7, 9_000),
    st.integers(0, 9_000),
)


class Wall(NamedTuple):
    """What a clock on the wall shows, in the order of a calendar's fields; no year."""

    second: int
    minute: int
    hour: int
    day_of_month: int
    month: int
    day_of_week: int


@functools.cache
def walls(zone_name: str, begun_s: int) -> list[tuple[int, Wall]]:
    """What the clock shows at each second of some hours."""
    zone, rows = zoneinfo.ZoneInfo(zone_name), []
    for moment_s in range(begun_s + 1, begun_s + HOURS_S):
        at = datetime.fromtimestamp(moment_s, zone)
        rows.append((moment_s, Wall(at.second, at.minute, at.hour, at.day, at.month, at.isoweekday() % 7)))
    return rows


def asked_for(calendar: CalendarSpec) -> Callable[[Wall], bool]:
    """Whether a calendar asks for what a clock shows: as its definition says, and no faster."""
    wanted = [
        {
            number
            for number in range(60)
            if any(first <= number <= last and (number - first) % step == 0 for first, last, step in ranges)
        }
        for ranges in (calendar.second, calendar.minute, calendar.hour, calendar.day_of_month, calendar.month)
    ]
    weekdays = {
        number % 7
        for number in range(8)
        if any(first <= number <= last and (number - first) % step == 0 for first, last, step in calendar.day_of_week)
    }
    wanted.append(weekdays)
    return lambda wall: all(number in numbers for number, numbers in zip(wall, wanted, strict=True))


@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    zone_name=st.sampled_from(sorted(BEGINNINGS)),
    wanted=st.lists(calendars, max_size=2),
    every=st.lists(intervals, max_size=1),
    skip=st.lists(calendars, max_size=1),
)
def test_the_moments_are_those_that_the_wall_clock_shows(
    data: st.DataObject, zone_name: str, wanted: list[CalendarSpec], every: list[IntervalSpec], skip: list[CalendarSpec]
) -> None:
    begun_s = int(datetime.fromisoformat(data.draw(st.sampled_from(BEGINNINGS[zone_name]))).timestamp())
    spec = ScheduleSpec(tuple(wanted), tuple(every), (), tuple(skip), time_zone=zone_name)
    times = Times(spec, "")
    asked, left_out = [asked_for(calendar) for calendar in wanted], [asked_for(calendar) for calendar in skip]
    expected = [
        moment_s
        for moment_s, wall in walls(zone_name, begun_s)
        if (
            any(calendar(wall) for calendar in asked)
            or any(moment_s % (each.every_us // SECOND_US) == each.offset_us // SECOND_US for each in every)
        )
        and not any(calendar(wall) for calendar in left_out)
    ][:FOUND_MAX]
    found: list[int] = []
    moment_us = begun_s * SECOND_US
    while len(found) < FOUND_MAX and (due := times.after(moment_us)) is not None:
        moment_us = due.nominal_us
        if moment_us >= (begun_s + HOURS_S) * SECOND_US:
            break
        found.append(moment_us // SECOND_US)
    assert found == expected


@given(st.lists(st.integers(0, 6), max_size=8), st.booleans(), st.integers(1, 6))
def test_every_action_is_taken_kept_or_skipped_once(policies: list[int], is_running: bool, policy: int) -> None:
    due = [Start(number, number, own) for number, own in enumerate(policies)]
    chosen = moves(due, is_running=is_running, policy=policy)
    taken = [*([chosen.first] if chosen.first is not None else []), *chosen.beside, *chosen.kept]
    assert len(set(taken)) == len(taken) == len(due) - chosen.skipped
    assert set(taken) <= set(due)
    assert list(chosen.kept) == sorted(chosen.kept)
    assert chosen.first is None or not is_running
    assert not (chosen.cancel or chosen.terminate) or is_running
