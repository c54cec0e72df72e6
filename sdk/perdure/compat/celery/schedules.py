"""When a periodic task runs: `crontab` and `schedule`, with Celery's meaning, as the spec of a schedule of Perdure.

Rules: a crontab is a calendar in the app's time zone; all its fields must match, the day of the month and the weekday
too (as in Celery, unlike in Unix). An interval is counted from 1970, not from when some process began, so that it stays
the same whoever restarts. What an engine cannot decide is refused here, with what to do instead.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from perdure.client import ScheduleCalendarSpec, ScheduleIntervalSpec, ScheduleRange, ScheduleSpec
from perdure.compat.celery.crontab_field import ParseException, crontab_parser
from perdure.exceptions import RequestError

Cronspec = int | str | Iterable[int]
"""A field of a crontab: a number, a text, or several numbers."""

SECOND = timedelta(seconds=1)


class UnsupportedSchedule(RequestError, TypeError):
    """No engine can decide when such a periodic task runs. The text says what to use instead."""


class BaseSchedule(ABC):
    """When a periodic task runs."""

    @abstractmethod
    def spec(self, time_zone: str) -> ScheduleSpec:
        """It as the spec of a schedule.

        Args:
            time_zone: That of the app, such as Europe/Berlin.
        """

    @property
    @abstractmethod
    def distance(self) -> timedelta:
        """How far two of its moments are apart, where they are close to each other."""


class schedule(BaseSchedule):
    """Again and again, at a fixed distance.

    Args:
        run_every: Seconds, or a `timedelta`: whole seconds.
        relative: Taken for compatibility: every moment is a multiple of the interval, counted from 1970 UTC.
        nowfun, app: Not needed.

    Raises:
        UnsupportedSchedule: no whole seconds.
    """

    def __init__(
        self,
        run_every: float | timedelta | None = None,
        relative: bool = False,
        nowfun: object = None,
        app: object = None,
    ) -> None:
        self.run_every = run_every if isinstance(run_every, timedelta) else timedelta(seconds=run_every or 0)
        self.relative = relative
        if self.run_every < SECOND or self.run_every % SECOND:
            raise UnsupportedSchedule(
                f"a periodic task every {self.run_every.total_seconds():g} seconds: an interval is whole seconds, from "
                "one. What runs more often is better a loop in a task that runs all the time"
            )

    @property
    def seconds(self) -> float:
        return self.run_every.total_seconds()

    @property
    def distance(self) -> timedelta:
        return self.run_every

    def spec(self, time_zone: str) -> ScheduleSpec:
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(self.run_every)], time_zone_name=time_zone)

    def __repr__(self) -> str:
        return f"<freq: {self.seconds:.2f} seconds>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, schedule) and self.run_every == other.run_every

    def __hash__(self) -> int:
        return hash(self.run_every)


class crontab(BaseSchedule):
    """At times of the wall clock.

    Args:
        minute, hour: 0 to 59, 0 to 23.
        day_of_week: 0, Sunday, to 6; or a name (`mon`, `monday`).
        day_of_month: 1 to 31.
        month_of_year: 1 to 12; or a name.
        nowfun, app: Not needed.

    Each is a number, several numbers, or a text: `*`, `*/15`, `1,15`, `mon-fri`, `22-2`, `0-30/10`. By default `*`.

    Attributes:
        minute, hour, day_of_week, day_of_month, month_of_year: The numbers that match.

    Raises:
        ParseException, TypeError: a field names no number that is possible.
    """

    def __init__(
        self,
        minute: Cronspec = "*",
        hour: Cronspec = "*",
        day_of_week: Cronspec = "*",
        day_of_month: Cronspec = "*",
        month_of_year: Cronspec = "*",
        *,
        nowfun: object = None,
        app: object = None,
    ) -> None:
        minute, hour, day_of_week, day_of_month, month_of_year = map(
            _kept, (minute, hour, day_of_week, day_of_month, month_of_year)
        )
        self._given = (minute, hour, day_of_week, day_of_month, month_of_year)
        self.minute = _members("minute", crontab_parser(60), minute)
        self.hour = _members("hour", crontab_parser(24), hour)
        self.day_of_week = _members("day_of_week", crontab_parser(7), day_of_week)
        self.day_of_month = _members("day_of_month", crontab_parser(31, 1), day_of_month)
        self.month_of_year = _members("month_of_year", crontab_parser(12, 1), month_of_year)

    @classmethod
    def from_string(cls, crontab: str) -> crontab:
        """From Unix's order of fields: minute, hour, day of the month, month, weekday."""
        fields = crontab.split()
        if len(fields) != 5:
            raise ParseException(
                f"{crontab!r} has {len(fields)} fields; a crontab has 5: minute hour day month weekday"
            )
        minute, hour, day_of_month, month_of_year, day_of_week = fields
        return cls(minute, hour, day_of_week, day_of_month, month_of_year)

    @property
    def distance(self) -> timedelta:
        if len(self.minute) > 1:
            return timedelta(minutes=_least_gap(self.minute, 60))
        return timedelta(hours=_least_gap(self.hour, 24))

    def spec(self, time_zone: str) -> ScheduleSpec:
        calendar = ScheduleCalendarSpec(
            minute=ranges(self.minute),
            hour=ranges(self.hour),
            day_of_month=ranges(self.day_of_month),
            month=ranges(self.month_of_year),
            day_of_week=ranges(self.day_of_week),
            comment=self.text,
        )
        return ScheduleSpec(calendars=[calendar], time_zone_name=time_zone)

    @property
    def text(self) -> str:
        """In Unix's order of fields."""
        minute, hour, day_of_week, day_of_month, month_of_year = map(_shown, self._given)
        return f"{minute} {hour} {day_of_month} {month_of_year} {day_of_week}"

    def __repr__(self) -> str:
        return f"<crontab: {self.text} (m/h/dM/MY/d)>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, crontab) and self._numbers() == other._numbers()

    def __hash__(self) -> int:
        return hash(self._numbers())

    def _numbers(self) -> tuple[frozenset[int], ...]:
        return tuple(
            frozenset(numbers)
            for numbers in (self.minute, self.hour, self.day_of_week, self.day_of_month, self.month_of_year)
        )


class solar:
    """At sunrise and its like: not possible.

    Raises:
        UnsupportedSchedule: always.
    """

    def __init__(
        self, event: str = "", lat: float = 0, lon: float = 0, nowfun: object = None, app: object = None
    ) -> None:
        raise UnsupportedSchedule(
            f"solar({event!r}, {lat}, {lon}): engines know clocks and calendars, not the sun. Let a daily task "
            "(crontab(minute=0, hour=0)) work out the moment, and enqueue the other one for it: "
            "task.apply_async(eta=moment)"
        )


def maybe_schedule(given: Any, relative: bool = False, app: object = None) -> BaseSchedule:
    """What the `schedule` of a periodic task means: a schedule, seconds, or a `timedelta`.

    Raises:
        UnsupportedSchedule: something else.
    """
    if isinstance(given, BaseSchedule):
        own = next((name for name in ("is_due", "remaining_estimate") if hasattr(given, name)), None)
        if own is not None:
            raise UnsupportedSchedule(
                f"{given!r} decides by its own {own}(): engines run schedules, and call no code of yours. Say it by "
                "crontab or schedule, or let a task that runs often look whether there is something to do"
            )
        return given
    if isinstance(given, int | float | timedelta) and not isinstance(given, bool):
        return schedule(given, relative)
    if type(given).__module__.partition(".")[0] == "celery":
        raise UnsupportedSchedule(
            f"{given!r} is a schedule of Celery itself: import it from perdure.compat.celery.schedules"
        )
    raise UnsupportedSchedule(
        f"the schedule of a periodic task is seconds, a timedelta, crontab or schedule, not {given!r}"
    )


def ranges(numbers: Iterable[int]) -> list[ScheduleRange]:
    """Numbers as the fewest ranges without steps; several as one range where their steps are equal."""
    ordered = sorted(numbers)
    if len(ordered) > 2:
        step = ordered[1] - ordered[0]
        if ordered == list(range(ordered[0], ordered[-1] + 1, step)):
            return [ScheduleRange(ordered[0], ordered[-1], step)]
    return [ScheduleRange(first, last) for first, last in _runs(ordered)]


def _runs(ordered: list[int]) -> Iterator[tuple[int, int]]:
    first = last = ordered[0]
    for number in ordered[1:]:
        if number > last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _least_gap(numbers: set[int], count: int) -> int:
    """Between two of them, where the first one follows the last one; of a single one, all the way round."""
    ordered = sorted(numbers)
    return min(after - before for before, after in zip(ordered, [*ordered[1:], ordered[0] + count], strict=True))


def _kept(given: Cronspec) -> Cronspec:
    """What can be read more than once."""
    return given if isinstance(given, int | str) or not isinstance(given, Iterable) else list(given)


def _members(field: str, parser: crontab_parser, given: Cronspec) -> set[int]:
    try:
        found = parser.members(given)
    except ParseException as error:
        raise ParseException(f"crontab({field}={given!r}): {error}") from None
    if not found:
        raise ParseException(f"crontab({field}={given!r}) would never run: it names no number")
    return found


def _shown(given: Cronspec) -> str:
    return str(given) if isinstance(given, int | str) else ",".join(map(str, given))


__all__ = [
    "BaseSchedule",
    "ParseException",
    "UnsupportedSchedule",
    "crontab",
    "crontab_parser",
    "maybe_schedule",
    "schedule",
    "solar",
]
