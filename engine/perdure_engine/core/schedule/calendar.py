"""Calendars: the moments whose time of the wall clock is as asked for.

Role: a calendar is a set of moments, all whole seconds since 1970: those at which the clock on the wall of a time zone
shows a year, month, day, weekday, hour, minute and second that are each among the wanted ones.

Rules: so a time of the day that a change of the clocks leaves out is in no calendar that day, and one that it repeats
is in it twice (as in Temporal). A wall clock is counted like a moment: in seconds since its own 1970.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property

DAY_S = 24 * 3_600

YEAR_MIN, YEAR_MAX = 1970, 2199
"""Nothing is looked for beyond."""

DayRule = Callable[[date], bool]

_EPOCH = datetime.fromtimestamp(0, UTC)
_FIRST_DAY = date(1970, 1, 1)
_END_S = (date(YEAR_MAX, 12, 31) - _FIRST_DAY).days * DAY_S


def in_any(ranges: Iterable[Sequence[int]]) -> frozenset[int]:
    """The numbers of ranges of first, last and step."""
    return frozenset(number for first, last, step in ranges for number in range(first, last + 1, step))


class Calendar:
    """Args:
    years: None: every year.
    weekdays: From 0, Sunday, to 6.
    day_rules: A day is also wanted if one of these says so, whatever `days` says.
    weekday_rules: In the same way for `weekdays`.
    """

    def __init__(
        self,
        zone: tzinfo,
        *,
        seconds: frozenset[int],
        minutes: frozenset[int],
        hours: frozenset[int],
        days: frozenset[int],
        months: frozenset[int],
        weekdays: frozenset[int],
        years: frozenset[int] | None = None,
        day_rules: tuple[DayRule, ...] = (),
        weekday_rules: tuple[DayRule, ...] = (),
    ) -> None:
        self.zone = zone
        self._seconds, self._minutes, self._hours = sorted(seconds), sorted(minutes), sorted(hours)
        self._days, self._months, self._weekdays, self._years = days, sorted(months), weekdays, years
        self._day_rules, self._weekday_rules = day_rules, weekday_rules

    def matches(self, moment_s: int) -> bool:
        """Whether a moment is one of the calendar's."""
        day, second = divmod(moment_s + self.offset_s(moment_s), DAY_S)
        hour, rest = divmod(second, 3_600)
        minute, second = divmod(rest, 60)
        return (
            hour in self._hours
            and minute in self._minutes
            and second in self._seconds
            and self._is_wanted(_FIRST_DAY + timedelta(days=day))
        )

    def after(self, moment_s: int) -> int | None:
        """The calendar's first moment after this one; None: there is none."""
        moment_s = max(moment_s + 1, 0)
        while moment_s < _END_S:
            offset_s = self.offset_s(moment_s)
            wall_s = self._next_on_wall(moment_s + offset_s)
            if wall_s is None:
                return None
            changed_s = self.next_change_s(moment_s, wall_s - offset_s)
            if changed_s is None:
                return wall_s - offset_s
            moment_s = changed_s
        return None

    def leaves_s(self, moment_s: int) -> int:
        """A moment after this one, which the calendar matches, that nothing but matching ones lie before: the next
        second, or the end of a minute, an hour or a day that it matches as a whole."""
        offset_s = self.offset_s(moment_s)
        wall_s = moment_s + offset_s
        end_s = wall_s + 1
        if len(self._seconds) == 60:
            end_s = wall_s - wall_s % 60 + 60
            if len(self._minutes) == 60:
                end_s = wall_s - wall_s % 3_600 + 3_600
                if len(self._hours) == 24:
                    end_s = wall_s - wall_s % DAY_S + DAY_S
        return self.next_change_s(moment_s, end_s - offset_s) or end_s - offset_s

    # Time zones ----------------------------------------------------------------------------------------------------
    def offset_s(self, moment_s: int) -> int:
        """What the wall clock is ahead of UTC."""
        if self.zone is UTC:
            return 0
        offset = (_EPOCH + timedelta(seconds=moment_s)).astimezone(self.zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())

    def next_change_s(self, from_s: int, to_s: int) -> int | None:
        """The first moment after the one and up to the other at which the clocks have been changed, if there is one.
        (Clocks that are changed twice within a day are not noticed.)"""
        if self.zone is UTC:
            return None
        offset_s = self.offset_s(from_s)
        before_s = from_s
        while before_s < to_s:
            after_s = min(before_s + DAY_S, to_s)
            if self.offset_s(after_s) != offset_s:
                while after_s - before_s > 1:
                    middle_s = (before_s + after_s) // 2
                    if self.offset_s(middle_s) == offset_s:
                        before_s = middle_s
                    else:
                        after_s = middle_s
                return after_s
            before_s = after_s
        return None

    # The wall clock ------------------------------------------------------------------------------------------------
    def _next_on_wall(self, wall_s: int) -> int | None:
        """The first wanted time of a clock that nobody changes, from this one on."""
        day, second = divmod(wall_s, DAY_S)
        wanted = self._next_day(_FIRST_DAY + timedelta(days=day))
        if wanted is not None and (wanted - _FIRST_DAY).days == day:
            found = self._next_in_day(second)
            if found is not None:
                return day * DAY_S + found
            wanted = self._next_day(wanted + timedelta(days=1))
        first = self._first_in_day
        if wanted is None or first is None:
            return None
        return (wanted - _FIRST_DAY).days * DAY_S + first

    @cached_property
    def _first_in_day(self) -> int | None:
        return self._next_in_day(0)

    def _next_in_day(self, second: int) -> int | None:
        """The first wanted second of a day, from this one on."""
        if not (self._hours and self._minutes and self._seconds):
            return None
        hour, rest = divmod(second, 3_600)
        minute, second = divmod(rest, 60)
        for wanted_hour in self._hours[bisect_left(self._hours, hour) :]:
            if wanted_hour > hour:
                return wanted_hour * 3_600 + self._minutes[0] * 60 + self._seconds[0]
            for wanted_minute in self._minutes[bisect_left(self._minutes, minute) :]:
                if wanted_minute > minute:
                    return hour * 3_600 + wanted_minute * 60 + self._seconds[0]
                place = bisect_left(self._seconds, second)
                if place < len(self._seconds):
                    return hour * 3_600 + minute * 60 + self._seconds[place]
        return None

    def _next_day(self, day: date) -> date | None:
        """The first wanted day, from this one on."""
        for year in range(day.year, YEAR_MAX + 1):
            if self._years is not None and year not in self._years:
                continue
            for month in self._months:
                if (year, month) < (day.year, day.month):
                    continue
                first = day.day if (year, month) == (day.year, day.month) else 1
                for number in range(first, days_in(year, month) + 1):
                    candidate = date(year, month, number)
                    if self._is_wanted(candidate):
                        return candidate
        return None

    def _is_wanted(self, day: date) -> bool:
        return (
            day.month in self._months
            and (self._years is None or day.year in self._years)
            and (day.day in self._days or any(rule(day) for rule in self._day_rules))
            and (weekday_of(day) in self._weekdays or any(rule(day) for rule in self._weekday_rules))
        )


def weekday_of(day: date) -> int:
    """From 0, Sunday, to 6."""
    return day.isoweekday() % 7


def days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day
