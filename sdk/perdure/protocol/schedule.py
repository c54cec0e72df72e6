"""Schedules in the protocol: when something is started again and again, what, and what if the last one still runs.

Times are microseconds since 1970 UTC, durations microseconds. A moment that a schedule names is a whole second; the
moment at which its action is taken may be a little later (jitter).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.codec import DecodeError, decodes, struct_decoder
from perdure.protocol.failure import Failure
from perdure.protocol.payload import PayloadMap
from perdure.protocol.start_requests import StartWorkflow


class OverlapPolicy(IntEnum):
    """What is done when an action is due while the one before still runs. Temporal's numbers."""

    UNSPECIFIED = 0
    """The schedule's own."""
    SKIP = 1
    BUFFER_ONE = 2
    BUFFER_ALL = 3
    CANCEL_OTHER = 4
    TERMINATE_OTHER = 5
    ALLOW_ALL = 6


# What a schedule is -------------------------------------------------------------------------------------------------


class Range(NamedTuple):
    """Numbers from the first to the last, each a step after the one before."""

    first: int
    last: int
    step: int = 1


Ranges = tuple[Range, ...]

ALL_DAYS_OF_MONTH = (Range(1, 31),)
ALL_MONTHS = (Range(1, 12),)
ALL_DAYS_OF_WEEK = (Range(0, 6),)
FIRST = (Range(0, 0),)


class CalendarSpec(NamedTuple):
    """Moments whose time of the wall clock is in one range of each field. Without any range, no moment is; but a year
    without any is every year. Days of the week from 0, Sunday, to 6."""

    second: Ranges = FIRST
    minute: Ranges = FIRST
    hour: Ranges = FIRST
    day_of_month: Ranges = ALL_DAYS_OF_MONTH
    month: Ranges = ALL_MONTHS
    year: Ranges = ()
    day_of_week: Ranges = ALL_DAYS_OF_WEEK
    comment: str = ""


class IntervalSpec(NamedTuple):
    """Moments `n * every_us + offset_us` after 1970."""

    every_us: int
    offset_us: int = 0


RANGES_MAX = 100
"""Ranges of one field of a calendar."""

_calendar = struct_decoder(CalendarSpec)


@decodes(CalendarSpec)
def _bounded_calendar(fields: Any) -> CalendarSpec:
    calendar: CalendarSpec = _calendar(fields)
    if any(len(ranges) > RANGES_MAX for ranges in calendar[:-1]):
        raise DecodeError(f"a field of a calendar must hold at most {RANGES_MAX} ranges")
    return calendar


class ScheduleSpec(NamedTuple):
    """Moments of any calendar, interval or cron expression but those of `skip`, from `start_us` to `end_us` (0: no
    bound). Calendars and cron expressions are read in `time_zone`; empty: UTC."""

    calendars: tuple[CalendarSpec, ...] = ()
    intervals: tuple[IntervalSpec, ...] = ()
    cron_expressions: tuple[str, ...] = ()
    skip: tuple[CalendarSpec, ...] = ()
    start_us: int = 0
    end_us: int = 0
    jitter_us: int = 0
    time_zone: str = ""


class ScheduleAction(NamedTuple):
    """What is done: the field that is set. Ids and times of each one are made of those of the schedule."""

    workflow: StartWorkflow | None = None
    activity: StartActivity | None = None


CATCHUP_WINDOW_US = 365 * 24 * 3_600 * 1_000_000
"""How late an action may be taken that could not be taken in time, unless the schedule says (Temporal's default)."""


class SchedulePolicy(NamedTuple):
    overlap: int = OverlapPolicy.SKIP
    catchup_window_us: int = CATCHUP_WINDOW_US
    pause_on_failure: bool = False


class ScheduleState(NamedTuple):
    """`limited`: no action is taken by itself when none of `remaining` is left."""

    note: str = ""
    paused: bool = False
    limited: bool = False
    remaining: int = 0


class Schedule(NamedTuple):
    action: ScheduleAction
    spec: ScheduleSpec
    policy: SchedulePolicy = SchedulePolicy()
    state: ScheduleState = ScheduleState()


class Backfill(NamedTuple):
    """Take the actions of a time that is over (or to come) now. Both ends belong to it."""

    start_us: int
    end_us: int
    overlap: int = OverlapPolicy.UNSPECIFIED


# Requests -----------------------------------------------------------------------------------------------------------


class CreateSchedule(NamedTuple):
    """Reply: `None`; ALREADY_STARTED: there is one of this id. `trigger`: take the action at once, too."""

    namespace: str
    schedule_id: str
    schedule: Schedule
    request_id: str
    identity: str
    memo: PayloadMap = b""
    search_attributes: bytes = b""
    trigger: bool = False
    backfills: tuple[Backfill, ...] = ()


class DescribeSchedule(NamedTuple):
    """Reply: `ScheduleDescription`; NOT_FOUND."""

    namespace: str
    schedule_id: str


class UpdateSchedule(NamedTuple):
    """Replace what a schedule is, if it is still what the sender has seen of it: `token` (0: whatever it is). Search
    attributes of None stay.

    Reply: `None`; NOT_FOUND; FAILED_PRECONDITION: it was changed meanwhile."""

    namespace: str
    schedule_id: str
    schedule: Schedule
    request_id: str
    identity: str
    token: int = 0
    search_attributes: bytes | None = None


class PatchSchedule(NamedTuple):
    """Do one or several things to a schedule: pause or unpause it (with the note that is given), take its action now
    (`trigger_overlap`, if it is set: by this policy), backfill. Reply: `None`; NOT_FOUND."""

    namespace: str
    schedule_id: str
    request_id: str
    identity: str
    pause: str | None = None
    unpause: str | None = None
    trigger_overlap: int | None = None
    backfills: tuple[Backfill, ...] = ()


class DeleteSchedule(NamedTuple):
    """Forget a schedule; what it started goes on. Reply: `None`; NOT_FOUND."""

    namespace: str
    schedule_id: str


class ListSchedules(NamedTuple):
    """Schedules by their ids. Reply: `SchedulePage`; INVALID_ARGUMENT: the query cannot be understood."""

    namespace: str
    page_size: int = 100
    page_token: bytes = b""
    query: str = ""


# Answers ------------------------------------------------------------------------------------------------------------


class Execution(NamedTuple):
    """What an action started: a workflow, by its id and its first run; with `is_activity`, an activity without one, by
    the same of its own."""

    workflow_id: str
    run_id: str
    is_activity: bool = False


class ActionTaken(NamedTuple):
    """`scheduled_us`: when it was to be taken, with its jitter; `taken_us`: when it was."""

    scheduled_us: int
    taken_us: int
    execution: Execution


class ScheduleInfo(NamedTuple):
    """What a schedule has done and will do. `buffered`: actions that wait for the one that runs; `dropped`: actions
    that found too many of these. `last_error`: why the last action that could not be taken was not."""

    created_us: int
    updated_us: int = 0
    actions: int = 0
    missed_catchup_window: int = 0
    skipped_overlap: int = 0
    dropped: int = 0
    buffered: int = 0
    running: tuple[Execution, ...] = ()
    recent: tuple[ActionTaken, ...] = ()
    next_us: tuple[int, ...] = ()
    last_error: str = ""
    last_failure: Failure | None = None


class ScheduleDescription(NamedTuple):
    """`token` rises with each change of what the schedule is. In a list the action has no arguments, and there are
    fewer times."""

    schedule_id: str
    schedule: Schedule
    info: ScheduleInfo
    token: int
    memo: PayloadMap = b""
    search_attributes: bytes = b""


decode_schedule_description = struct_decoder(ScheduleDescription)


class SchedulePage(NamedTuple):
    """A page may be short, or empty, and not be the last one: `next_page_token` is empty on that."""

    rows: tuple[ScheduleDescription, ...]
    next_page_token: bytes = b""


decode_schedule_page = struct_decoder(SchedulePage)
