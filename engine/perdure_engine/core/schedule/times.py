"""When the actions of a schedule are due: its spec, made ready to be asked for the moment after another one.

Rules:
- The moments of a spec are those of any of its parts, but for those that one of its exclusions matches, from its start
  to its end. All are whole seconds.
- Jitter follows from the schedule and the moment, so that whoever asks gets the same answer; it never reaches the next
  moment. A moment is `nominal_us`, and `actual_us` with its jitter.
"""

from __future__ import annotations

import functools
import hashlib
import zoneinfo
from datetime import UTC, tzinfo
from typing import NamedTuple

from perdure.protocol.schedule import CalendarSpec, ScheduleSpec
from perdure_engine.core.schedule.calendar import YEAR_MAX, YEAR_MIN, Calendar, in_any
from perdure_engine.core.schedule.cron import Every, parse_expression

SECOND_US = 1_000_000
PARTS_MAX = 100
"""Calendars, intervals, expressions and exclusions of one spec, together."""

EVERY_US_MAX = 100 * 366 * 24 * 3600 * SECOND_US
"""Microseconds of an interval: a century, as of any other one."""

SKIPPED_MAX = 20_000
"""Spans in a row that exclusions take away; then nothing more is looked for."""

JITTER_STEP_US = 1_000

_LIMITS = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month": (1, 12),
    "year": (YEAR_MIN, YEAR_MAX),
    "day_of_week": (0, 7),
}


class SpecError(ValueError):
    """A spec that means nothing; says what is wrong with it, and what is allowed."""


class Due(NamedTuple):
    """One moment at which an action is due: as the spec says it, and with its jitter."""

    nominal_us: int
    actual_us: int


class Times:
    """The moments of one schedule; `seed` names it, for its jitter."""

    def __init__(self, spec: ScheduleSpec, seed: str) -> None:
        self._spec = spec
        self._seed = seed
        zone = _zone(spec.time_zone)
        self._calendars = [calendar_of(calendar, zone) for calendar in spec.calendars]
        self._intervals = [Every(interval.every_us, interval.offset_us) for interval in spec.intervals]
        for text in spec.cron_expressions:
            parsed = parse_expression(text, zone)
            if isinstance(parsed, Every):
                self._intervals.append(parsed)
            else:
                self._calendars.append(parsed)
        self._skip = [calendar_of(calendar, zone) for calendar in spec.skip]

    def after(self, nominal_us: int) -> Due | None:
        """The first moment after this one; None: there is none any more."""
        found_us = self._nominal_after(nominal_us)
        if found_us is None:
            return None
        jitter_us = self._spec.jitter_us
        if not jitter_us:
            return Due(found_us, found_us)
        next_us = self._nominal_after(found_us)
        span_us = jitter_us if next_us is None else min(jitter_us, next_us - found_us)
        share_us = span_us * _fraction(f"{self._seed}\0{found_us}") >> 64
        return Due(found_us, found_us + share_us - share_us % JITTER_STEP_US)

    def _nominal_after(self, after_us: int) -> int | None:
        spec = self._spec
        after_us = max(after_us, spec.start_us - 1)
        for _ in range(SKIPPED_MAX):
            found_us = self._any_after(after_us)
            if found_us is None or (spec.end_us and found_us > spec.end_us):
                return None
            skipping = [calendar for calendar in self._skip if calendar.matches(found_us // SECOND_US)]
            if not skipping:
                return found_us
            after_us = max(calendar.leaves_s(found_us // SECOND_US) for calendar in skipping) * SECOND_US - 1
        return None

    def _any_after(self, after_us: int) -> int | None:
        found = [
            ((after_us - every.offset_us) // every.every_us + 1) * every.every_us + every.offset_us
            for every in self._intervals
        ]
        for calendar in self._calendars:
            moment_s = calendar.after(after_us // SECOND_US)
            if moment_s is not None:
                found.append(moment_s * SECOND_US)
        return min(found, default=None)


@functools.lru_cache(maxsize=4_096)
def times_of(spec: ScheduleSpec, seed: str) -> Times:
    """The moments of a spec.

    Raises:
        SpecError, CronError: it cannot be understood.
    """
    problem = spec_problem(spec)
    if problem is not None:
        raise SpecError(problem)
    return Times(spec, seed)


def calendar_of(spec: CalendarSpec, zone: tzinfo) -> Calendar:
    return Calendar(
        zone,
        seconds=in_any(spec.second),
        minutes=in_any(spec.minute),
        hours=in_any(spec.hour),
        days=in_any(spec.day_of_month),
        months=in_any(spec.month),
        weekdays=frozenset(number % 7 for number in in_any(spec.day_of_week)),
        years=in_any(spec.year) if spec.year else None,
    )


def spec_problem(spec: ScheduleSpec) -> str | None:
    """What is wrong with a spec, but for its cron expressions; None: nothing."""
    if len(spec.calendars) + len(spec.intervals) + len(spec.cron_expressions) + len(spec.skip) > PARTS_MAX:
        return f"a schedule has at most {PARTS_MAX} calendars, intervals, cron expressions and exclusions"
    for calendar in (*spec.calendars, *spec.skip):
        problem = _calendar_problem(calendar)
        if problem is not None:
            return problem
    for every_us, offset_us in spec.intervals:
        if every_us % SECOND_US or offset_us % SECOND_US or not SECOND_US <= every_us <= EVERY_US_MAX:
            return "an interval must be whole seconds, from one second to a hundred years, as must be its offset"
        if not 0 <= offset_us < every_us:
            return "the offset of an interval must not be negative, and be less than the interval"
    if spec.jitter_us < 0:
        return "the jitter must not be negative"
    if spec.start_us and spec.end_us and spec.end_us < spec.start_us:
        return "the schedule ends before it starts"
    return None


def _calendar_problem(calendar: CalendarSpec) -> str | None:
    for name, (first, last) in _LIMITS.items():
        for start, end, step in getattr(calendar, name):
            if not first <= start <= end <= last or step < 1:
                return (
                    f"the range from {start} to {end} by {step} is not possible for the {name.replace('_', ' ')} of a "
                    f"calendar: numbers are from {first} to {last}, and steps from 1"
                )
    return None


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise SpecError(f"the time zone {name!r} is unknown; give a name such as Europe/Berlin") from None


def _fraction(name: str) -> int:
    """A number below 2**64 that follows from a name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
