"""Cron schedules: what is one, what is none, and when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.protocol import cron
from perdure.protocol.cron import CRON_LENGTH_MAX, CronError, CronSchedule, next_time_us, parse_cron

SECOND_US = 1_000_000


def us(text: str) -> int:
    return round((datetime.fromisoformat(text) - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1))


def following(text: str, after: str, count: int = 1) -> list[str]:
    """The next times of a schedule, in UTC."""
    schedule, at_us, times = parse_cron(text), us(after), []
    for _ in range(count):
        due_us = next_time_us(schedule, us(after), at_us)
        assert due_us is not None
        assert due_us > at_us
        at_us = due_us
        times.append(datetime.fromtimestamp(at_us / SECOND_US, UTC).strftime("%m-%d %H:%M:%S"))
    return times


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("*/20 * * * *", ["11-20 12:20:00", "11-20 12:40:00", "11-20 13:00:00"]),
        ("0 9 * * MON-FRI", ["11-23 09:00:00", "11-24 09:00:00"]),
        ("0 0 1 1 ?", ["01-01 00:00:00"]),
        ("@hourly", ["11-20 13:00:00"]),
        ("@daily", ["11-21 00:00:00", "11-22 00:00:00"]),
        ("@Midnight", ["11-21 00:00:00"]),
        ("@weekly", ["11-22 00:00:00"]),
        ("@monthly", ["12-01 00:00:00"]),
        ("@yearly", ["01-01 00:00:00"]),
        ("@annually", ["01-01 00:00:00"]),
        ("@every 90s", ["11-20 12:02:00", "11-20 12:03:30"]),
        ("@every 1h30m", ["11-20 13:30:30"]),
        ("CRON_TZ=Europe/Berlin 0 14 * * *", ["11-20 13:00:00"]),
        ("TZ=Asia/Tokyo 0 6 * * *", ["11-20 21:00:00"]),
    ],
)
def test_when_it_is_due(text: str, times: list[str]) -> None:
    assert following(text, "2026-11-20T12:00:30+00:00", len(times)) == times


def test_every_counts_from_the_start_and_leaves_out_what_is_past() -> None:
    start_us = us("2026-11-20T12:00:00+00:00")
    due_us = next_time_us(parse_cron("@every 10s"), start_us, start_us + 25 * SECOND_US)
    assert due_us == start_us + 30 * SECOND_US


def test_a_time_that_is_due_right_now_is_not_the_next() -> None:
    assert following("0 12 * * *", "2026-11-20T12:00:00+00:00") == ["11-21 12:00:00"]


def test_when_the_clocks_change() -> None:
    # 2:30 does not exist on March 29 of 2026 in Berlin, and exists twice on October 25.
    assert following("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00+00:00", 2) == [
        "03-29 01:00:00",
        "03-30 00:30:00",
    ]
    assert following("CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00+00:00", 2) == [
        "10-25 00:30:00",
        "10-26 01:30:00",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must have five fields"),
        ("* * * *", "must have five fields"),
        ("0 * * * * *", "must have five fields"),
        ("@sometimes", "must have five fields"),
        ("61 * * * *", "cannot be read"),
        ("a b c d e", "cannot be read"),
        ("0 0 30 2 *", "cannot be read"),
        ("@every", "must give a time such as"),
        ("@every 5", "must give a time such as"),
        ("@every 0.5s", "must give a time such as"),
        ("@every 1h nonsense", "must give a time such as"),
        ("@every 9999999h", "must give a time such as"),
        ("CRON_TZ=Nowhere/City @daily", "the time zone 'Nowhere/City' of the cron schedule"),
        ("CRON_TZ=../etc/passwd @daily", "is unknown"),
        ("CRON_TZ= @daily", "is unknown"),
        ("* " * CRON_LENGTH_MAX, f"the limit is {CRON_LENGTH_MAX}"),
    ],
)
def test_what_is_no_schedule_says_why(text: str, problem: str) -> None:
    with pytest.raises(CronError, match=problem):
        parse_cron(text)


def test_a_date_that_never_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Never:
        def __init__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Never:
            return self

        def __next__(self) -> datetime:
            raise StopIteration

    monkeypatch.setattr(cron, "CronSim", Never)
    with pytest.raises(CronError, match="never comes due"):
        parse_cron("0 0 29 2 MON#5")
    assert next_time_us(CronSchedule("0 0 29 2 MON#5"), 0, 0) is None
