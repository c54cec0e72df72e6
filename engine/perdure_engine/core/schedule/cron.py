"""Cron expressions of schedules: as Temporal's, which have seconds and years, and with the days that Quartz knows.

    [CRON_TZ=Europe/Berlin ]  minute hour day month weekday  |  ... year  |  second minute hour day month weekday year
    @hourly @daily @weekly @monthly @yearly  |  @every 1h30m[/15m]      (and `# a comment` behind it)

A field is `*`, a number or a name, `a-b`, any of them with `/step`, or several of these with commas. A day of the month
may be `L` (the last one), `L-3` (three before it), `LW` (the last from Monday to Friday), `15W` (the one of these next
to the 15th); a weekday `5L` (the last Friday) or `FRI#2` (the second one).

Rule: a moment must match all fields, the day of the month and the weekday alike (as in Temporal and Celery; the cron of
Unix takes either, if both are given).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, timedelta, tzinfo
from typing import NamedTuple

from perdure.protocol.cron import CRON_LENGTH_MAX, DESCRIPTORS, CronError, zone_of
from perdure_engine.core.schedule.calendar import YEAR_MAX, YEAR_MIN, Calendar, DayRule, days_in, in_any, weekday_of

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S*)\s+(.*)")
_EVERY = re.compile(r"@every\s+(\S+?)(?:/(\S+))?")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:d|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(d|h|m|s)")
_UNITS_US = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
_SECOND_US = 1_000_000


class Field(NamedTuple):
    """What a field of an expression may hold; `names` stand for its first numbers, in order."""

    title: str
    first: int
    last: int
    names: tuple[str, ...] = ()


SECOND = Field("second", 0, 59)
MINUTE = Field("minute", 0, 59)
HOUR = Field("hour", 0, 23)
DAY = Field("day of the month", 1, 31)
MONTH = Field("month", 1, 12, _MONTHS)
WEEKDAY = Field("day of the week", 0, 7, _WEEKDAYS)
YEAR = Field("year", YEAR_MIN, YEAR_MAX)

_FIELDS: Mapping[int, tuple[Field, ...]] = {
    5: (MINUTE, HOUR, DAY, MONTH, WEEKDAY),
    6: (MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR),
    7: (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR),
}


class Every(NamedTuple):
    """What `@every` says."""

    every_us: int
    offset_us: int


def parse_expression(text: str, zone: tzinfo = UTC) -> Calendar | Every:
    """The moments that an expression means, read in `zone` unless it names one.

    Raises:
        CronError: it means none; says what is wrong with it, and what is allowed.
    """
    if len(text) > CRON_LENGTH_MAX:
        raise CronError(f"the cron expression has {len(text)} characters; the limit is {CRON_LENGTH_MAX}")
    rest = re.sub(r"\s#.*|^#.*", "", text).strip()
    named = _ZONE.fullmatch(rest)
    if named is not None:
        zone, rest = zone_of(text, named[1]), named[2].strip()
    if rest.startswith("@every"):
        return _every(text, rest)
    words = DESCRIPTORS.get(rest.lower(), rest).upper().split()
    fields = _FIELDS.get(len(words))
    if fields is None or (rest.startswith("@") and rest.lower() not in DESCRIPTORS):
        raise CronError(
            f"the cron expression {text!r} must have five fields (minute, hour, day of the month, month, day of the "
            "week), six (a year behind them) or seven (and a second before them), or be one of "
            f"{', '.join(DESCRIPTORS)}, or '@every 1h30m'; 'CRON_TZ=Europe/Berlin ' may stand before it"
        )
    return _calendar(text, dict(zip(fields, words, strict=True)), zone)


def _calendar(text: str, words: dict[Field, str], zone: tzinfo) -> Calendar:
    def numbers(field: Field, word: str) -> frozenset[int]:
        try:
            return in_any(_range(field, part) for part in word.split(",")) if word else frozenset()
        except ValueError as error:
            raise CronError(f"the cron expression {text!r} cannot be read: {error}") from None

    days, day_rules = _with_rules(words[DAY], _day_rule)
    weekdays, weekday_rules = _with_rules(words[WEEKDAY], _weekday_rule)
    years = words.get(YEAR, "*")
    return Calendar(
        zone,
        seconds=numbers(SECOND, words.get(SECOND, "0")),
        minutes=numbers(MINUTE, words[MINUTE]),
        hours=numbers(HOUR, words[HOUR]),
        days=numbers(DAY, days),
        months=numbers(MONTH, words[MONTH]),
        weekdays=frozenset(number % 7 for number in numbers(WEEKDAY, weekdays)),
        years=None if years in ("*", "?") else numbers(YEAR, years),
        day_rules=day_rules,
        weekday_rules=weekday_rules,
    )


def _range(field: Field, part: str) -> tuple[int, int, int]:
    """First, last and step of one part of a field.

    Raises:
        ValueError: says what is wrong with it.
    """
    span, slash, step_text = part.partition("/")
    if slash and (not step_text.isdecimal() or int(step_text) == 0):
        raise ValueError(f"the step of {part!r} ({field.title}) must be a number from 1")
    step = int(step_text) if slash else 1
    if span in ("*", "?"):
        last = 6 if field is WEEKDAY else field.last
        return field.first, last, step
    first_text, dash, last_text = span.partition("-")
    first = _number(field, first_text)
    last = _number(field, last_text) if dash else field.last if slash else first
    if last < first:
        raise ValueError(f"{part!r} ({field.title}) ends before it begins")
    return first, last, step


def _number(field: Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.first
    if not text.isdecimal() or not field.first <= int(text) <= field.last:
        names = f" or one of {', '.join(field.names)}" if field.names else ""
        raise ValueError(f"{text!r} is no {field.title}: it must be a number from {field.first} to {field.last}{names}")
    return int(text)


# Days that only a rule can tell ---------------------------------------------------------------------------------------


def _with_rules(word: str, rule_of: Callable[[str], DayRule | None]) -> tuple[str, tuple[DayRule, ...]]:
    """The plain parts of a field, and the rules of the others."""
    plain: list[str] = []
    rules: list[DayRule] = []
    for part in word.split(","):
        rule = rule_of(part)
        if rule is None:
            plain.append(part)
        else:
            rules.append(rule)
    return ",".join(plain), tuple(rules)


def _day_rule(part: str) -> DayRule | None:
    if part == "LW":
        return lambda day: day == _next_workday(day.replace(day=days_in(day.year, day.month)))
    found = re.fullmatch(r"L(?:-(\d{1,2}))?", part)
    if found is not None:
        before = int(found[1] or 0)
        return lambda day: day.day == days_in(day.year, day.month) - before
    found = re.fullmatch(r"([1-9]|[12]\d|3[01])W", part)
    if found is None:
        return None
    number = int(found[1])
    return lambda day: number <= days_in(day.year, day.month) and day == _next_workday(day.replace(day=number))


def _weekday_rule(part: str) -> DayRule | None:
    found = re.fullmatch(r"([0-7]|[A-Z]{3})(L|#[1-5])", part)
    if found is None or not (found[1].isdecimal() or found[1] in _WEEKDAYS):
        return None
    weekday = _number(WEEKDAY, found[1]) % 7
    if found[2] == "L":
        return lambda day: weekday_of(day) == weekday and day.day > days_in(day.year, day.month) - 7
    week = int(found[2][1:])
    return lambda day: weekday_of(day) == weekday and (day.day - 1) // 7 == week - 1


def _next_workday(day: date) -> date:
    """The day from Monday to Friday that is nearest, in the same month."""
    step = {6: -1, 0: 1}.get(weekday_of(day), 0)
    if step == -1 and day.day == 1:
        step = 2
    elif step == 1 and day.day == days_in(day.year, day.month):
        step = -2
    return day + timedelta(days=step)


# Intervals ------------------------------------------------------------------------------------------------------------


def _every(text: str, rest: str) -> Every:
    found = _EVERY.fullmatch(rest)
    every_us = _duration_us(found[1]) if found is not None else 0
    offset_us = _duration_us(found[2]) if found is not None and found[2] else 0
    if found is None or not every_us or (found[2] and not offset_us and found[2].strip("0smhd")):
        raise CronError(
            f"the cron expression {text!r} must give a time such as '@every 1h30m' or '@every 90s', in whole seconds; "
            "'@every 1h/15m' is at a quarter past each hour"
        )
    return Every(every_us, offset_us)


def _duration_us(text: str) -> int:
    parts = _PART.findall(text) if _DURATION.fullmatch(text) else []
    duration_us = sum(round(float(number) * _UNITS_US[unit]) for number, unit in parts)
    return duration_us - duration_us % _SECOND_US
