"""Fields of crontabs: what Celery 5.7 makes of each text, written down from it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from perdure.compat.celery.crontab_field import ParseException, crontab_parser

MINUTES, HOURS, WEEKDAYS = crontab_parser(60), crontab_parser(24), crontab_parser(7)
DAYS, MONTHS = crontab_parser(31, 1), crontab_parser(12, 1)


@pytest.mark.parametrize(
    ("parser", "text", "numbers"),
    [
        (MINUTES, "*", range(60)),
        (MINUTES, "*/15", [0, 15, 30, 45]),
        (MINUTES, "*/7", range(0, 60, 7)),
        (MINUTES, "0", [0]),
        (MINUTES, "5,10", [5, 10]),
        (MINUTES, " 5, 10", [5, 10]),
        (MINUTES, "10-20", range(10, 21)),
        (MINUTES, "10-20/3", [10, 13, 16, 19]),
        (MINUTES, "1-59/2", range(1, 60, 2)),
        (MINUTES, "0,30-35", [0, 30, 31, 32, 33, 34, 35]),
        (MINUTES, "50-10/5", [50, 55, 0, 5, 10]),
        (MINUTES, "59-0", [59, 0]),
        (MINUTES, "0-59/60", [0]),
        (MINUTES, "*/100", [0]),
        (MINUTES, "*,5", range(60)),
        (HOURS, "*/6", [0, 6, 12, 18]),
        (HOURS, "22-2", [22, 23, 0, 1, 2]),
        (HOURS, "*/3,8-17", [0, 3, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21]),
        (WEEKDAYS, "mon", [1]),
        (WEEKDAYS, "Monday", [1]),
        (WEEKDAYS, "THU,fri", [4, 5]),
        (WEEKDAYS, "mon-fri", [1, 2, 3, 4, 5]),
        (WEEKDAYS, "mon-fri/2", [1, 3, 5]),
        (WEEKDAYS, "sat,sun", [6, 0]),
        (WEEKDAYS, "fri-mon", [5, 6, 0, 1]),
        (WEEKDAYS, "sun-sat", range(7)),
        (WEEKDAYS, "*/2", [0, 2, 4, 6]),
        (WEEKDAYS, "6-0", [6, 0]),
        (DAYS, "*/2", range(1, 32, 2)),
        (DAYS, "1-7,15", [1, 2, 3, 4, 5, 6, 7, 15]),
        (DAYS, "28-3", [28, 29, 30, 31, 1, 2, 3]),
        (MONTHS, "*/3", [1, 4, 7, 10]),
        (MONTHS, "*/5", [1, 6, 11]),
        (MONTHS, "jan", [1]),
        (MONTHS, "nov-february", [11, 12, 1, 2]),
        (MONTHS, "11-2", [11, 12, 1, 2]),
    ],
)
def test_what_texts_name(parser: crontab_parser, text: str, numbers: Iterable[int]) -> None:
    assert parser.parse(text) == set(numbers)


@pytest.mark.parametrize(
    ("parser", "text", "told"),
    [
        (MINUTES, "60", "from 0 to 59"),
        (MINUTES, "-1", "is no part of a crontab"),
        (MINUTES, "1-", "is no part of a crontab"),
        (MINUTES, "", "is no part of a crontab"),
        (MINUTES, "5,,6", "is no part of a crontab"),
        (MINUTES, "1.5", "is no part of a crontab"),
        (MINUTES, "a", "neither a number nor the name"),
        (MINUTES, "mon", "neither a number nor the name"),
        (MINUTES, "5/10", r"such as \*/15"),
        (MINUTES, "*/0", "a step is 1 or more"),
        (HOURS, "24", "from 0 to 23"),
        (WEEKDAYS, "7", "from 0 to 6"),
        (WEEKDAYS, "moonday", "neither a number nor the name"),
        (WEEKDAYS, "jan", "neither a number nor the name"),
        (DAYS, "0", "from 1 to 31"),
        (DAYS, "32", "from 1 to 31"),
        (DAYS, "L", "neither a number nor the name"),
        (MONTHS, "13", "from 1 to 12"),
    ],
)
def test_what_no_text_may_say(parser: crontab_parser, text: str, told: str) -> None:
    with pytest.raises(ParseException, match=told):
        parser.parse(text)


def test_numbers_and_several_of_them() -> None:
    assert MINUTES.members(7) == {7}
    assert MINUTES.members(range(0, 60, 20)) == {0, 20, 40}
    assert WEEKDAYS.members("0,6") == WEEKDAYS.members({0, 6}) == {0, 6}
    with pytest.raises(ParseException, match="from 0 to 23"):
        HOURS.members(24)
    with pytest.raises(TypeError, match="'mon,tue'"):
        WEEKDAYS.members(["mon"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"3\.5 is none of them"):
        MINUTES.members(3.5)  # type: ignore[arg-type]
