"""Cron expressions: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest

from perdure.protocol.cron import CronError
from perdure_engine.core.schedule.calendar import Calendar
from perdure_engine.core.schedule.cron import Every, parse_expression

BEGAN_S = int(datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC).timestamp())
"""A Friday."""


def times(text: str, count: int = 3) -> list[str]:
    parsed = parse_expression(text)
    assert isinstance(parsed, Calendar)
    moment_s, shown = BEGAN_S, []
    for _ in range(count):
        following = parsed.after(moment_s)
        assert following is not None
        moment_s = following
        shown.append(datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00"))
    return shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 9 * * *", ["2026-11-21 09:30", "2026-11-22 09:30", "2026-11-23 09:30"]),
        ("0 9 * * mon-fri", ["2026-11-23 09:00", "2026-11-24 09:00", "2026-11-25 09:00"]),
        ("0 0 1,15 JAN-FEB ?", ["2027-01-01 00:00", "2027-01-15 00:00", "2027-02-01 00:00"]),
        ("*/20 12/6 * * *", ["2026-11-20 12:20", "2026-11-20 12:40", "2026-11-20 18:00"]),
        ("0 0 * * 7", ["2026-11-22 00:00", "2026-11-29 00:00", "2026-12-06 00:00"]),
        ("0 0 * * FRI-7", ["2026-11-21 00:00", "2026-11-22 00:00", "2026-11-27 00:00"]),
        ("0 0 13 * 5", ["2027-08-13 00:00", "2028-10-13 00:00", "2029-04-13 00:00"]),
        ("0 0 1 1 * 2028-2030/2", ["2028-01-01 00:00", "2030-01-01 00:00"]),
        ("*/25 0 12 * * * *", ["2026-11-20 12:00:25", "2026-11-20 12:00:50", "2026-11-21 12:00"]),
        ("@hourly", ["2026-11-20 13:00", "2026-11-20 14:00", "2026-11-20 15:00"]),
        ("@weekly # on Sundays", ["2026-11-22 00:00", "2026-11-29 00:00", "2026-12-06 00:00"]),
        ("CRON_TZ=Europe/Berlin 0 9 * * *", ["2026-11-21 08:00", "2026-11-22 08:00", "2026-11-23 08:00"]),
        ("TZ=Asia/Kolkata @daily", ["2026-11-20 18:30", "2026-11-21 18:30", "2026-11-22 18:30"]),
        ("0 0 L * *", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-31 00:00"]),
        ("0 0 L-1,1 * *", ["2026-11-29 00:00", "2026-12-01 00:00", "2026-12-30 00:00"]),
        ("0 0 LW * *", ["2026-11-30 00:00", "2026-12-31 00:00", "2027-01-29 00:00"]),
        ("0 0 1W 5-8 * 2027", ["2027-05-03 00:00", "2027-06-01 00:00", "2027-07-01 00:00", "2027-08-02 00:00"]),
        ("0 0 31W 1,10 * 2027", ["2027-01-29 00:00", "2027-10-29 00:00"]),
        ("0 0 14W 3 * 2027", ["2027-03-15 00:00"]),
        ("0 0 13W 3 * 2027", ["2027-03-12 00:00"]),
        ("0 0 31W 4 * 2027,2028", []),
        ("0 0 * * 5L", ["2026-11-27 00:00", "2026-12-25 00:00", "2027-01-29 00:00"]),
        ("0 0 * * MON#1", ["2026-12-07 00:00", "2027-01-04 00:00", "2027-02-01 00:00"]),
        ("0 0 * * 1#5", ["2026-11-30 00:00", "2027-03-29 00:00", "2027-05-31 00:00"]),
    ],
)
def test_what_an_expression_means(text: str, expected: list[str]) -> None:
    assert times(text, len(expected)) == expected
    if not expected:
        parsed = parse_expression(text)
        assert isinstance(parsed, Calendar)
        assert parsed.after(BEGAN_S) is None


def test_the_time_zone_of_the_schedule_is_for_those_that_name_none() -> None:
    plain, named = (
        parse_expression(text, zoneinfo.ZoneInfo("Europe/Berlin")) for text in ("@daily", "CRON_TZ=UTC @daily")
    )
    assert isinstance(plain, Calendar)
    assert isinstance(named, Calendar)
    assert str(plain.zone) == "Europe/Berlin"
    assert str(named.zone) == "UTC"


def test_intervals() -> None:
    assert parse_expression("@every 1h30m") == Every(5_400_000_000, 0)
    assert parse_expression("@every 1d/90s") == Every(86_400_000_000, 90_000_000)
    assert parse_expression("@every 1m/0s") == Every(60_000_000, 0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 9 * *", "must have five fields"),
        ("0 9 * * * * * *", "must have five fields"),
        ("@often", "must have five fields"),
        ("60 * * * *", "'60' is no minute: it must be a number from 0 to 59"),
        ("* * * FOO *", "'FOO' is no month: .* or one of JAN"),
        ("* * * * 8", "no day of the week"),
        ("* * * * 1#6", "no day of the week"),
        ("* * 0W * *", "no day of the month"),
        ("5-3 * * * *", "ends before it begins"),
        ("*/0 * * * *", "the step of '\\*/0' .minute. must be a number from 1"),
        ("1,,2 * * * *", "'' is no minute"),
        ("CRON_TZ=Nowhere/Town @daily", "time zone 'Nowhere/Town'"),
        ("@every", "such as '@every 1h30m'"),
        ("@every soon", "such as '@every 1h30m'"),
        ("@every 0.5s", "in whole seconds"),
        ("@every 1h/soon", "a quarter past"),
        ("x" * 1_001, "1001 characters"),
    ],
)
def test_what_means_nothing_is_refused(text: str, problem: str) -> None:
    with pytest.raises(CronError, match=problem):
        parse_expression(text)
