"""When the action of a schedule is taken: calendars, intervals, cron expressions, and what of them is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from perdure.client.execution import time_or_none
from perdure.protocol import schedule as wire

_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class ScheduleRange:
    """Numbers from `start` to `end`, both inclusive, each `step` after the one before. An `end` below `start` is
    `start`; a `step` of 0 is 1."""

    start: int
    end: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        if self.end < self.start:
            object.__setattr__(self, "end", self.start)
        if self.step == 0:
            object.__setattr__(self, "step", 1)


@dataclass
class ScheduleCalendarSpec:
    """Moments whose time of the wall clock, in the schedule's time zone, is in one range of each field. By default:
    midnight of each day.

    A field without any range matches nothing, but for the year: then it is every year. A time of the day that a change
    of the clocks leaves out is not made up for that day, and one that it repeats is taken twice (as in Temporal).

    Attributes:
        second, minute: 0 to 59. By default 0.
        hour: 0 to 23. By default 0.
        day_of_month: 1 to 31. By default all of them.
        month: 1 to 12. By default all of them.
        year: By default every year.
        day_of_week: 0, Sunday, to 6. By default all of them.
        comment: For people.
    """

    second: Sequence[ScheduleRange] = (ScheduleRange(0),)
    minute: Sequence[ScheduleRange] = (ScheduleRange(0),)
    hour: Sequence[ScheduleRange] = (ScheduleRange(0),)
    day_of_month: Sequence[ScheduleRange] = (ScheduleRange(1, 31),)
    month: Sequence[ScheduleRange] = (ScheduleRange(1, 12),)
    year: Sequence[ScheduleRange] = ()
    day_of_week: Sequence[ScheduleRange] = (ScheduleRange(0, 6),)
    comment: str | None = None


@dataclass
class ScheduleIntervalSpec:
    """Moments that are a multiple of `every` after 1970 UTC, and `offset`: whole seconds."""

    every: timedelta
    offset: timedelta | None = None


@dataclass
class ScheduleSpec:
    """The moments of any calendar, interval or cron expression, but for those that a calendar of `skip` matches.

    Attributes:
        calendars: Times of the wall clock.
        intervals: Times at a fixed distance.
        cron_expressions: `minute hour day month weekday`; a year may stand behind that, and then a second before it;
            `@hourly` and its like, `@every 1h30m`; `CRON_TZ=Europe/Berlin` before it. The day of the month and the
            weekday must both match. L, W and # are known (`0 9 LW * *`, `0 9 * * MON#1`).
        skip: What is left out.
        start_at: Nothing before that.
        end_at: Nothing after that.
        jitter: Each action is taken up to so much later, but before the next one; how much follows from the schedule
            and the moment.
        time_zone_name: In which calendars and cron expressions are read, such as Europe/Berlin. None: UTC.
    """

    calendars: Sequence[ScheduleCalendarSpec] = field(default_factory=list)
    intervals: Sequence[ScheduleIntervalSpec] = field(default_factory=list)
    cron_expressions: Sequence[str] = field(default_factory=list)
    skip: Sequence[ScheduleCalendarSpec] = field(default_factory=list)
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter: timedelta | None = None
    time_zone_name: str | None = None


def microseconds(duration: timedelta | None) -> int:
    """A duration as it travels; none at all is 0."""
    return 0 if duration is None else duration // _MICROSECOND


def moment_us(moment: datetime) -> int:
    """A moment as it travels. One without a time zone is in UTC."""
    return ((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def spec_to_wire(spec: ScheduleSpec) -> wire.ScheduleSpec:
    if isinstance(spec.cron_expressions, str):
        raise TypeError("cron_expressions must be a list of texts, not one text")
    return wire.ScheduleSpec(
        tuple(map(_calendar_to_wire, spec.calendars)),
        tuple(wire.IntervalSpec(microseconds(each.every), microseconds(each.offset)) for each in spec.intervals),
        tuple(spec.cron_expressions),
        tuple(map(_calendar_to_wire, spec.skip)),
        0 if spec.start_at is None else moment_us(spec.start_at),
        0 if spec.end_at is None else moment_us(spec.end_at),
        microseconds(spec.jitter),
        spec.time_zone_name or "",
    )


def spec_of_wire(spec: wire.ScheduleSpec) -> ScheduleSpec:
    return ScheduleSpec(
        [_calendar_of_wire(calendar) for calendar in spec.calendars],
        [
            ScheduleIntervalSpec(_duration(each.every_us), _duration(each.offset_us) if each.offset_us else None)
            for each in spec.intervals
        ],
        list(spec.cron_expressions),
        [_calendar_of_wire(calendar) for calendar in spec.skip],
        time_or_none(spec.start_us),
        time_or_none(spec.end_us),
        _duration(spec.jitter_us) if spec.jitter_us else None,
        spec.time_zone or None,
    )


def _calendar_to_wire(calendar: ScheduleCalendarSpec) -> wire.CalendarSpec:
    return wire.CalendarSpec(
        _to_wire(calendar.second),
        _to_wire(calendar.minute),
        _to_wire(calendar.hour),
        _to_wire(calendar.day_of_month),
        _to_wire(calendar.month),
        _to_wire(calendar.year),
        _to_wire(calendar.day_of_week),
        calendar.comment or "",
    )


def _calendar_of_wire(calendar: wire.CalendarSpec) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        _of_wire(calendar.second),
        _of_wire(calendar.minute),
        _of_wire(calendar.hour),
        _of_wire(calendar.day_of_month),
        _of_wire(calendar.month),
        _of_wire(calendar.year),
        _of_wire(calendar.day_of_week),
        calendar.comment or None,
    )


def _to_wire(ranges: Sequence[ScheduleRange]) -> wire.Ranges:
    return tuple(wire.Range(each.start, each.end, each.step) for each in ranges)


def _of_wire(ranges: wire.Ranges) -> Sequence[ScheduleRange]:
    return tuple(ScheduleRange(*row) for row in ranges)


def _duration(duration_us: int) -> timedelta:
    return timedelta(microseconds=duration_us)
