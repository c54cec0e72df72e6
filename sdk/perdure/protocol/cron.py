"""Cron schedules of workflows: five fields, a descriptor, or `@every`, with a time zone before it if it is not UTC.

    [CRON_TZ=Europe/Berlin ]  */5 9-17 * * MON-FRI  |  @hourly @daily @weekly @monthly @yearly  |  @every 1h30m

Rules: a pure function of its arguments (and of the time zones that Python knows). Clients check a schedule with this,
and engines count with it. Around a change of the clocks it does what Debian's cron does: a time that does not exist is
made up for, one that exists twice is taken once.
"""

from __future__ import annotations

import functools
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim, CronSimError

DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""What stands for five fields."""

CRON_LENGTH_MAX = 1_000
"""Characters of a schedule."""

EVERY_MS_MAX = 100 * 366 * 24 * 3600 * 1000
"""Milliseconds of `@every`: a century, as of any other interval."""

_ZONE = re.compile(r"(?:CRON_TZ|TZ)=(\S*)\s+(.*)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")
_UNITS_MS = {"h": 3_600_000, "m": 60_000, "s": 1_000}
_EPOCH = datetime.fromtimestamp(0, UTC)


class CronError(ValueError):
    """A text that is no cron schedule; says what is wrong with it, and what is allowed."""


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """`every_ms` is set for `@every`, else the other two."""

    fields: str
    zone: tzinfo = UTC
    every_ms: int = 0


@functools.lru_cache(maxsize=1024)
def parse_cron(text: str) -> CronSchedule:
    """The schedule that a text means.

    Raises:
        CronError: it means none.
    """
    if len(text) > CRON_LENGTH_MAX:
        raise CronError(f"the cron schedule has {len(text)} characters; the limit is {CRON_LENGTH_MAX}")
    zone: tzinfo = UTC
    rest = text.strip()
    found = _ZONE.fullmatch(rest)
    if found is not None:
        zone, rest = zone_of(text, found[1]), found[2].strip()
    if rest.startswith("@every"):
        return CronSchedule("", zone, _every_ms(text, rest.removeprefix("@every").strip()))
    fields = DESCRIPTORS.get(rest.lower()) if rest.startswith("@") else rest.replace("?", "*")
    if fields is None or len(fields.split()) != 5:
        raise CronError(
            f"the cron schedule {text!r} must have five fields (minute, hour, day of the month, month, day of the "
            f"week), or be one of {', '.join(DESCRIPTORS)}, or '@every 1h30m'; 'CRON_TZ=Europe/Berlin ' may stand "
            "before it"
        )
    try:
        next(CronSim(fields, _EPOCH))
    except CronSimError as error:
        raise CronError(f"the cron schedule {text!r} cannot be read: {error}") from None
    except StopIteration:
        raise CronError(f"the cron schedule {text!r} never comes due: no day has this date") from None
    return CronSchedule(fields, zone)


def zone_of(text: str, name: str) -> tzinfo:
    """The time zone that a cron schedule names.

    Raises:
        CronError: there is none of this name.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(
            f"the time zone {name!r} of the cron schedule {text!r} is unknown; give a name such as Europe/Berlin"
        ) from None


def _every_ms(text: str, duration: str) -> int:
    parts = _PART.findall(duration) if _DURATION.fullmatch(duration) else []
    every_ms = sum(round(float(number) * _UNITS_MS[unit]) for number, unit in parts)
    every_ms -= every_ms % 1_000
    if not 0 < every_ms <= EVERY_MS_MAX:
        raise CronError(
            f"the cron schedule {text!r} must give a time such as '@every 1h30m' or '@every 90s': whole seconds, one "
            "second to a hundred years"
        )
    return every_ms


def next_time_us(schedule: CronSchedule, start_us: int, after_us: int) -> int | None:
    """When the schedule is next due after a moment, or None if that is never. `start_us`, from which `@every` counts,
    is not later than `after_us`."""
    if schedule.every_ms:
        every_us = schedule.every_ms * 1_000
        return start_us + ((after_us - start_us) // every_us + 1) * every_us
    after = (_EPOCH + timedelta(microseconds=after_us)).astimezone(schedule.zone)
    for found in CronSim(schedule.fields, after):
        due_us = round((found - _EPOCH) / timedelta(microseconds=1))
        if due_us > after_us:
            return due_us
    return None
