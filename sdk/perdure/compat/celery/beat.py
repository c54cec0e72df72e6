"""Periodic tasks: what `beat_schedule` and `add_periodic_task` say becomes schedules, which engines carry on.

Rules: the schedule of an entry has the id `NAME-OF-THE-APPLICATION.NAME-OF-THE-ENTRY`. An entry that cannot be is
refused with what to do. Nothing here runs when a moment comes: there is no beat process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from perdure.client import Schedule, ScheduleActionStartActivity, ScheduleOverlapPolicy, SchedulePolicy
from perdure.compat.celery.canvas import Composed
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.publishing import Publishing
from perdure.compat.celery.schedules import maybe_schedule
from perdure.compat.celery.signature import signature

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

CATCHUP_LEAST = timedelta(seconds=10)

DAY = timedelta(days=1)
"""How long an attempt may take that has no time limit: an action wants to know one."""

_FIELDS = frozenset({"task", "schedule", "args", "kwargs", "options", "relative", "name"})
_IMPOSSIBLE = ("countdown", "eta", "task_id")


def add_periodic_task(
    app: Celery,
    schedule: Any,
    sig: Mapping[str, Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    name: str | None,
    options: Mapping[str, Any],
) -> str:
    """See `Celery.add_periodic_task`."""
    made = signature(sig, app=app).clone(args, kwargs)
    if isinstance(made, Composed):
        raise ImproperlyConfigured(
            f"{made!r} is several tasks, and a periodic task is one: write a task that enqueues them, and let that be "
            "periodic"
        )
    key = name or repr(made)
    entry = {
        "schedule": schedule,
        "task": made.task,
        "args": made.args,
        "kwargs": made.kwargs,
        "options": {**made.options, **options},
    }
    schedule_of(app, key, entry)  # what cannot be is told where it is said
    app.conf.beat_schedule = {**app.conf.beat_schedule, key: entry}
    return key


def schedules_of(app: Celery) -> dict[str, Schedule]:
    """The schedules of an application by their ids.

    Raises:
        ImproperlyConfigured, UnsupportedSchedule: says which entry cannot be, and what to do.
    """
    entries: Mapping[str, Mapping[str, Any]] = app.conf.beat_schedule or {}
    return {schedule_id(app, name): schedule_of(app, name, entry) for name, entry in entries.items()}


def schedule_id(app: Celery, name: str) -> str:
    """The id of the schedule of an entry."""
    return f"{owner(app)}.{name}"


def owner(app: Celery) -> str:
    """What an application's schedules say whose they are."""
    return app.main or "celery"


def schedule_of(app: Celery, name: str, entry: Mapping[str, Any]) -> Schedule:
    """The schedule of an entry of `beat_schedule`.

    Raises:
        ImproperlyConfigured, UnsupportedSchedule: it cannot be; the text says what to do.
    """
    unknown = sorted(set(entry) - _FIELDS)
    if unknown or "task" not in entry or "schedule" not in entry:
        wrong = f"has {', '.join(unknown)}" if unknown else "lacks its task or its schedule"
        raise ImproperlyConfigured(
            f"the entry {name!r} of beat_schedule {wrong}; it may have {', '.join(sorted(_FIELDS))}"
        )
    try:
        when = maybe_schedule(entry["schedule"], bool(entry.get("relative")))
    except (TypeError, ValueError) as error:
        raise type(error)(f"the entry {name!r} of beat_schedule: {error}") from None
    options = dict(entry.get("options") or {})
    impossible = [option for option in _IMPOSSIBLE if options.get(option) is not None]
    if impossible:
        raise ImproperlyConfigured(
            f"the entry {name!r} of beat_schedule has the option {impossible[0]}: its schedule says when it begins, "
            "and each run has an id of its own"
        )
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=_catchup_window(app, when.distance))
    return Schedule(_action(app, name, entry, options), when.spec(_time_zone(app)), policy)


def _action(
    app: Celery, name: str, entry: Mapping[str, Any], options: Mapping[str, Any]
) -> ScheduleActionStartActivity:
    expires = options.get("expires")
    if expires is not None and not isinstance(expires, int | float | timedelta):
        raise ImproperlyConfigured(
            f"the entry {name!r} of beat_schedule expires at {expires!r}, at once for all its runs; give seconds, "
            "which are counted for each run"
        )
    args, kwargs = tuple(entry.get("args") or ()), dict(entry.get("kwargs") or {})
    _check_arguments(app, name, entry["task"], args, kwargs)
    given = {key: value for key, value in options.items() if key != "expires"}
    asked = Publishing(app, entry["task"], args, kwargs, given).input()
    return ScheduleActionStartActivity(
        asked.activity_type,
        args=asked.args,
        id=schedule_id(app, name),
        task_queue=asked.task_queue,
        schedule_to_start_timeout=_duration(expires),
        start_to_close_timeout=asked.start_to_close_timeout or DAY,
        heartbeat_timeout=asked.heartbeat_timeout,
        retry_policy=asked.retry_policy,
        priority=asked.priority,
        soft_timeout=asked.soft_timeout,
        result_ttl=asked.result_ttl,
    )


def _check_arguments(app: Celery, name: str, task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Of a task that is known here; it would fail each time."""
    task = app.tasks.get(task_name)
    if task is not None and task.typing:
        try:
            task.check_arguments(args, kwargs)
        except TypeError as error:
            raise ImproperlyConfigured(f"the entry {name!r} of beat_schedule: {error}") from None


def _duration(seconds: float | timedelta | None) -> timedelta | None:
    return seconds if seconds is None or isinstance(seconds, timedelta) else timedelta(seconds=seconds)


def _catchup_window(app: Celery, distance: timedelta) -> timedelta:
    """How late a run may begin that nobody could begin in time. As under Celery's beat, one is made up for, not all."""
    deadline = app.conf.beat_cron_starting_deadline
    return max(distance if deadline is None else timedelta(seconds=deadline), CATCHUP_LEAST)


def _time_zone(app: Celery) -> str:
    """Raises:
    ImproperlyConfigured: the clock of some machine would count.
    """
    zone = app.conf.timezone
    if zone is None and not app.conf.enable_utc:
        raise ImproperlyConfigured(
            "enable_utc is false, and no timezone is set: then the clock of whichever machine counts. Say which it is: "
            "app.conf.timezone = 'Europe/Berlin'"
        )
    return "UTC" if zone is None else str(zone)
