"""How `perdure queue` shows queues and their settings, to people and to programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from perdure.cli.output import console, duration_text, facts, table, time_text
from perdure.cli.queue_options import NONE
from perdure.client import TaskQueueDescription, TaskQueueLane, TaskQueueLimits, TaskQueueSettings


def limits_text(settings: TaskQueueSettings) -> str:
    """All limits in a line; empty without any."""
    parts = []
    if settings.is_paused:
        until = "" if settings.paused_until in (None, datetime.max) else f" until {time_text(settings.paused_until)}"
        parts.append(f"paused{until}" + (f" ({settings.pause_reason})" if settings.pause_reason else ""))
    parts += [_one_limit(settings.limits), _one_limit(settings.key_limits, " a key")]
    if settings.keys:
        count = len(settings.keys)
        parts.append(f"{count} keys with their own" if count > 1 else "a key with its own")
    return ", ".join(filter(None, parts))


def _one_limit(limits: TaskQueueLimits, suffix: str = "") -> str:
    parts = []
    if limits.rate is not None:
        parts.append(f"{_rate_text(limits.rate)}{suffix}" + (f" (burst {limits.burst})" if limits.burst > 1 else ""))
    if limits.concurrency is not None:
        parts.append(f"{limits.concurrency} at a time{suffix}")
    return ", ".join(parts)


def _rate_text(rate: float) -> str:
    for seconds, unit in ((1, "s"), (60, "m"), (3600, "h")):
        if rate * seconds >= 1:
            return f"{_short(rate * seconds)}/{unit}"
    return f"{_short(rate * 86_400)}/d"


def _short(number: float) -> str:
    """With two digits behind the point at the most: a rate of five a minute travels in millionths a second."""
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def show_queue(found: TaskQueueDescription) -> None:
    settings = found.settings
    pairs = [
        ("Limits", limits_text(settings) or NONE),
        ("Held for", duration_text(found.held_for)),
        ("Revision", settings.revision or None),
        ("Changed", time_text(settings.last_change_time)),
        ("By", settings.last_modifier),
    ]
    console().print(facts(pairs))
    columns = ("Tasks", "Waiting", "Oldest", "Running", "Rate", "Workers", "Slots")
    rows = [(*lane_row("Workflow tasks", found.workflows), found.workflows.slots)]
    rows.append((*lane_row("Activities", found.activities), found.activities.slots))
    console().print(table(columns, rows))
    names = sorted({*found.keys, *settings.keys})
    if names:
        key_rows = [_key_row(found, key) for key in names]
        console().print(table(("Key", "Running", "Held for", "Weight", "Limits"), key_rows))
    pollers = {poller.identity: poller for lane in (found.workflows, found.activities) for poller in lane.pollers}
    if pollers:
        console().print(table(("Worker", "Slots"), [(poller.identity, poller.slots) for poller in pollers.values()]))


def lane_row(name: str, lane: TaskQueueLane) -> tuple[Any, ...]:
    """What waits and what runs of one kind of tasks, and how fast it goes."""
    rate = f"{lane.rate:.3g}/s"
    return (name, lane.waiting, duration_text(lane.oldest_age), lane.running, rate, lane.workers)


def _key_row(found: TaskQueueDescription, key: str) -> tuple[Any, ...]:
    now, own = found.keys.get(key), found.settings.keys.get(key)
    limits = "" if own is None else ("paused" if own.paused_until is not None else _one_limit(own.limits))
    return (
        key,
        0 if now is None else now.running,
        duration_text(None if now is None else now.held_for),
        None if own is None else own.weight,
        limits,
    )


def queue_json(found: TaskQueueDescription) -> dict[str, Any]:
    return {
        "name": found.name,
        "workflowTasks": _lane_json(found.workflows),
        "activities": _lane_json(found.activities),
        "settings": settings_json(found.settings),
        "heldForSeconds": _seconds(found.held_for),
        "keys": {
            key: {"running": row.running, "heldForSeconds": _seconds(row.held_for)} for key, row in found.keys.items()
        },
    }


def _lane_json(lane: TaskQueueLane) -> dict[str, Any]:
    return {
        "depth": lane.waiting,
        "oldestAgeSeconds": _seconds(lane.oldest_age),
        "running": lane.running,
        "ratePerSecond": lane.rate,
        "workers": lane.workers,
        "slots": lane.slots,
        "pollers": [{"identity": poller.identity, "slots": poller.slots} for poller in lane.pollers],
    }


def settings_json(settings: TaskQueueSettings) -> dict[str, Any]:
    return {
        "paused": settings.is_paused,
        "pausedUntil": _until_json(settings.paused_until),
        "pauseReason": settings.pause_reason,
        **_limits_json(settings.limits),
        "perKey": _limits_json(settings.key_limits),
        "keys": {
            key: {"weight": own.weight, "pausedUntil": _until_json(own.paused_until), **_limits_json(own.limits)}
            for key, own in settings.keys.items()
        },
        "revision": settings.revision,
    }


def _limits_json(limits: TaskQueueLimits) -> dict[str, Any]:
    return {"ratePerSecond": limits.rate, "burst": limits.burst, "concurrency": limits.concurrency}


def _until_json(until: datetime | None) -> str | None:
    """A time; `forever` where only resuming ends the pause."""
    return None if until is None else "forever" if until == datetime.max else until.isoformat()


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
