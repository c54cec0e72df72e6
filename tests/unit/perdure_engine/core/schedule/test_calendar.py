"""Calendars: which moments they have, through every change of the clocks."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, tzinfo
from typing import Any

from perdure_engine.core.schedule.calendar import YEAR_MAX, Calendar, days_in, in_any

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ALL: dict[str, frozenset[int]] = {
    "seconds": frozenset({0}),
    "minutes": frozenset({0}),
    "hours": frozenset(range(24)),
    "days": frozenset(range(1, 32)),
    "months": frozenset(range(1, 13)),
    "weekdays": frozenset(range(7)),
}


def calendar(zone: tzinfo = UTC, **fields: Any) -> Calendar:
    wanted = {name: frozenset(numbers) if isinstance(numbers, set) else numbers for name, numbers in fields.items()}
    return Calendar(zone, **{**ALL, **wanted})


def second_of(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def texts(found: Calendar, after: str, count: int) -> list[str]:
    """The moments after a moment, in UTC."""
    moment_s, shown = second_of(after), []
    for _ in range(count):
        following = found.after(moment_s)
        if following is None:
            break
        moment_s = following
        shown.append(datetime.fromtimestamp(moment_s, UTC).strftime("%m-%d %H:%M:%S"))
    return shown


def test_ranges_have_steps() -> None:
    assert in_any([(1, 9, 4), (2, 2, 1)]) == {1, 2, 5, 9}
    assert in_any([]) == set()


def test_moments_follow_one_another() -> None:
    found = calendar(hours={9, 17}, minutes={0, 30}, seconds={15})
    shown = texts(found, "2027-02-28T17:00:15+00:00", 3)
    assert shown == ["02-28 17:30:15", "03-01 09:00:15", "03-01 09:30:15"]


def test_days_must_match_month_day_and_weekday() -> None:
    friday_13th = calendar(hours={0}, days={13}, weekdays={5})
    assert texts(friday_13th, "2026-01-01T00:00:00+00:00", 3) == ["02-13 00:00:00", "03-13 00:00:00", "11-13 00:00:00"]
    leap = calendar(hours={0}, months={2}, days={29}, years={2027, 2028})
    assert texts(leap, "2026-01-01T00:00:00+00:00", 3) == ["02-29 00:00:00"]
    assert calendar(months={2}, days={30}).after(0) is None
    assert calendar(hours=set()).after(0) is None


def test_a_time_that_the_clocks_leave_out_is_not_taken_that_day() -> None:
    found = calendar(BERLIN, hours={2}, minutes={30})
    assert texts(found, "2027-03-26T12:00:00+00:00", 3) == ["03-27 01:30:00", "03-29 00:30:00", "03-30 00:30:00"]


def test_a_time_that_the_clocks_repeat_is_taken_twice() -> None:
    found = calendar(BERLIN, hours={2}, minutes={30})
    assert texts(found, "2027-10-30T12:00:00+00:00", 3) == ["10-31 00:30:00", "10-31 01:30:00", "11-01 01:30:00"]


def test_each_hour_goes_on_through_both_changes() -> None:
    hourly = calendar(BERLIN)
    for day in ("2027-03-28", "2027-10-31"):
        moment_s = second_of(f"{day}T00:00:00+00:00")
        for _ in range(5):
            assert hourly.after(moment_s) == moment_s + 3_600
            moment_s += 3_600


def test_a_day_that_begins_an_hour_late() -> None:
    """In Santiago the clocks go from 24:00 to 01:00."""
    midnight = calendar(zoneinfo.ZoneInfo("America/Santiago"), hours={0})
    assert texts(midnight, "2026-09-05T00:00:00+00:00", 2) == ["09-05 04:00:00", "09-07 03:00:00"]


def test_nothing_is_found_beyond_the_last_year() -> None:
    hourly = calendar()
    last_s = second_of(f"{YEAR_MAX}-12-31T12:00:00+00:00")
    assert hourly.after(last_s) is None
    assert hourly.after(2**62) is None
    assert hourly.after(-(2**40)) == 0


def test_what_it_leaves_is_the_longest_span_that_it_matches_as_a_whole() -> None:
    every = frozenset(range(60))
    moment_s = second_of("2027-01-02T03:04:05+00:00")
    assert calendar(minutes={4}, seconds={5}).leaves_s(moment_s) == moment_s + 1
    assert calendar(minutes={4}, seconds=every).leaves_s(moment_s) == second_of("2027-01-02T03:05:00+00:00")
    assert calendar(hours={3}, minutes=every, seconds=every).leaves_s(moment_s) == second_of("2027-01-02T04:00+00:00")
    assert calendar(minutes=every, seconds=every).leaves_s(moment_s) == second_of("2027-01-03T00:00:00+00:00")
    before_s = second_of("2027-03-28T00:30:00+00:00")
    at_two = calendar(BERLIN, hours={1}, minutes=every, seconds=every)
    assert at_two.leaves_s(before_s) == second_of("2027-03-28T01:00:00+00:00")


def test_months_have_their_days() -> None:
    assert [days_in(2027, month) for month in (2, 4, 12)] == [28, 30, 31]
    assert days_in(2028, 2) == 29
