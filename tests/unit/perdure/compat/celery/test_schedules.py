"""Crontabs and intervals: which moments the engine makes of them, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.client import ScheduleRange
from perdure.client.schedule_spec import spec_to_wire
from perdure.compat.celery.crontab_field import ParseException
from perdure.compat.celery.schedules import (
    BaseSchedule,
    UnsupportedSchedule,
    crontab,
    maybe_schedule,
    ranges,
    schedule,
    solar,
)
from perdure_engine.core.schedule.times import times_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moments(when: BaseSchedule, after: str, count: int, time_zone: str = "UTC") -> list[str]:
    """The next moments, as the engine finds them, in UTC."""
    times = times_of(spec_to_wire(when.spec(time_zone)), "")
    at_us = (datetime.fromisoformat(after).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    found = []
    for _ in range(count):
        due = times.after(at_us)
        assert due is not None
        at_us = due.nominal_us
        found.append((EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%d %a %H:%M"))
    return found


# The expressions of Celery's own guide, and others; the moments are those that Celery 5.7 finds.
@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (crontab(), ["2026-11-20 Fri 10:31", "2026-11-20 Fri 10:32"]),
        (crontab(minute=0, hour=0), ["2026-11-21 Sat 00:00", "2026-11-22 Sun 00:00"]),
        (crontab(minute=0, hour="*/3"), ["2026-11-20 Fri 12:00", "2026-11-20 Fri 15:00"]),
        (crontab(minute=0, hour="0,3,6,9,12,15,18,21"), ["2026-11-20 Fri 12:00", "2026-11-20 Fri 15:00"]),
        (crontab(minute="*/15"), ["2026-11-20 Fri 10:45", "2026-11-20 Fri 11:00"]),
        (crontab(day_of_week="sunday"), ["2026-11-22 Sun 00:00", "2026-11-22 Sun 00:01"]),
        (
            crontab(minute="*/10", hour="3,17,22", day_of_week="thu,fri"),
            ["2026-11-20 Fri 17:00", "2026-11-20 Fri 17:10"],
        ),
        (crontab(minute=0, hour="*/2,*/3"), ["2026-11-20 Fri 12:00", "2026-11-20 Fri 14:00"]),
        (crontab(minute=0, hour="*/3,8-17"), ["2026-11-20 Fri 11:00", "2026-11-20 Fri 12:00"]),
        (crontab(0, 0, day_of_month="2"), ["2026-12-02 Wed 00:00", "2027-01-02 Sat 00:00"]),
        (crontab(0, 0, day_of_month="2-30/2"), ["2026-11-22 Sun 00:00", "2026-11-24 Tue 00:00"]),
        (crontab(0, 0, day_of_month="1-7,15-21"), ["2026-11-21 Sat 00:00", "2026-12-01 Tue 00:00"]),
        (crontab(0, 0, day_of_month="11", month_of_year="5"), ["2027-05-11 Tue 00:00", "2028-05-11 Thu 00:00"]),
        (crontab(0, 0, month_of_year="*/3"), ["2027-01-01 Fri 00:00", "2027-01-02 Sat 00:00"]),
        (crontab(hour=7, minute=30, day_of_week=1), ["2026-11-23 Mon 07:30", "2026-11-30 Mon 07:30"]),
        (crontab(minute=30, hour="22-2/2"), ["2026-11-20 Fri 22:30", "2026-11-21 Sat 00:30"]),
        (crontab(0, 9, "mon", "1-7"), ["2026-12-07 Mon 09:00", "2027-01-04 Mon 09:00"]),  # both must match
        (crontab(0, 0, day_of_month=31), ["2026-12-31 Thu 00:00", "2027-01-31 Sun 00:00"]),
        (crontab(0, 0, day_of_month=29, month_of_year="feb"), ["2028-02-29 Tue 00:00", "2032-02-29 Sun 00:00"]),
        (crontab.from_string("5 4 * * mon-fri"), ["2026-11-23 Mon 04:05", "2026-11-24 Tue 04:05"]),
        (schedule(timedelta(minutes=20)), ["2026-11-20 Fri 10:40", "2026-11-20 Fri 11:00"]),
        (schedule(3_600.0), ["2026-11-20 Fri 11:00", "2026-11-20 Fri 12:00"]),
    ],
)
def test_when_they_are_due(when: BaseSchedule, expected: list[str]) -> None:
    assert moments(when, "2026-11-20T10:30:00", 2) == expected


def test_the_time_zone_of_the_app_holds() -> None:
    daily = crontab(minute=0, hour=7)
    assert moments(daily, "2026-03-27T12:00:00", 3, "Europe/Berlin") == [
        "2026-03-28 Sat 06:00",
        "2026-03-29 Sun 05:00",  # the clocks went forward
        "2026-03-30 Mon 05:00",
    ]
    assert moments(daily, "2026-03-27T12:00:00", 1, "Asia/Kolkata") == ["2026-03-28 Sat 01:30"]
    assert moments(crontab(0, 0, "mon"), "2026-11-20T10:30:00", 1, "Pacific/Auckland") == ["2026-11-22 Sun 11:00"]


@pytest.mark.parametrize(
    ("when", "minutes"),
    [
        (crontab(), 1),
        (crontab(minute="*/15"), 15),
        (crontab(minute="0,59"), 1),
        (crontab(minute=5), 60),
        (crontab(minute=5, hour="9,17"), 8 * 60),
        (crontab(minute=0, hour=0, day_of_week="mon"), 24 * 60),
        (schedule(120), 2),
    ],
)
def test_how_close_they_are(when: BaseSchedule, minutes: int) -> None:
    assert when.distance == timedelta(minutes=minutes)


def test_numbers_become_few_ranges() -> None:
    assert ranges({3}) == [ScheduleRange(3)]
    assert ranges({0, 15, 30, 45}) == [ScheduleRange(0, 45, 15)]
    assert ranges(range(60)) == [ScheduleRange(0, 59)]
    assert ranges({22, 23, 0, 1, 2}) == [ScheduleRange(0, 2), ScheduleRange(22, 23)]


def test_equal_ones_and_how_they_show() -> None:
    assert crontab(minute=5, day_of_week="mon") == crontab("5", day_of_week=1)
    assert len({crontab(5), crontab("5"), crontab(6)}) == 2
    assert len({schedule(30), schedule(timedelta(seconds=30)), crontab()}) == 2
    assert repr(crontab(5, day_of_week="mon")) == "<crontab: 5 * * * mon (m/h/dM/MY/d)>"
    assert repr(crontab(minute=iter([1, 2]))) == "<crontab: 1,2 * * * * (m/h/dM/MY/d)>"
    assert repr(schedule(30)) == "<freq: 30.00 seconds>"


def test_what_cannot_be_says_which_field() -> None:
    with pytest.raises(ParseException, match=r"crontab\(hour='25'\): 25 is not possible"):
        crontab(hour="25")
    with pytest.raises(ParseException, match="never run"):
        crontab(minute=[])
    with pytest.raises(ParseException, match="has 4 fields"):
        crontab.from_string("* * * *")


@pytest.mark.parametrize("seconds", [0, None, 0.5, 1.5, -3, timedelta(milliseconds=999)])
def test_intervals_are_whole_seconds(seconds: Any) -> None:
    with pytest.raises(UnsupportedSchedule, match="whole seconds, from one"):
        schedule(seconds)


def test_the_sun_is_refused_with_a_cure() -> None:
    with pytest.raises(UnsupportedSchedule, match=r"solar\('sunset', -37.8, 144.9\).*apply_async\(eta=moment\)"):
        solar("sunset", -37.8, 144.9)


def test_what_may_be_given_as_a_schedule() -> None:
    assert maybe_schedule(30) == maybe_schedule(30.0) == maybe_schedule(timedelta(seconds=30)) == schedule(30)
    assert maybe_schedule(crontab()) == crontab()
    for wrong in ("* * * * *", None, True):
        with pytest.raises(UnsupportedSchedule, match="is seconds, a timedelta, crontab or schedule"):
            maybe_schedule(wrong)


def test_a_schedule_of_ones_own_is_refused() -> None:
    class Weird(crontab):
        def is_due(self, last_run_at: datetime) -> tuple[bool, float]:
            return True, 60.0

    with pytest.raises(UnsupportedSchedule, match=r"its own is_due\(\)"):
        maybe_schedule(Weird())


def test_a_schedule_of_celery_itself_is_refused() -> None:
    foreign = type("crontab", (), {"__module__": "celery.schedules"})()
    with pytest.raises(UnsupportedSchedule, match=r"import it from perdure\.compat\.celery\.schedules"):
        maybe_schedule(foreign)
