"""Schedules as the command line shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perdure.cli.output import console, duration_text, facts, print_json, table, time_text
from perdure.client import (
    ScheduleActionExecutionStartActivity,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionResult,
    ScheduleActionStartActivity,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleListActionStartActivity,
    ScheduleListActionStartWorkflow,
    ScheduleListDescription,
    ScheduleRange,
    ScheduleSpec,
)

NEXT_SHOWN = 5


def description_data(found: ScheduleDescription) -> dict[str, Any]:
    """A description for `--json`."""
    action, policy, state, info = found.schedule.action, found.schedule.policy, found.schedule.state, found.info
    started = {}
    if isinstance(action, ScheduleActionStartWorkflow):
        started = {"workflow_type": action.workflow, "workflow_id": action.id, "task_queue": action.task_queue}
    elif isinstance(action, ScheduleActionStartActivity):
        started = {"activity_type": action.activity, "activity_id": action.id, "task_queue": action.task_queue}
    return {
        "id": found.id,
        "action": started,
        "spec": spec_data(found.schedule.spec),
        "overlap_policy": policy.overlap.name,
        "catchup_window": policy.catchup_window,
        "pause_on_failure": policy.pause_on_failure,
        "paused": state.paused,
        "note": state.note,
        "remaining_actions": state.remaining_actions if state.limited_actions else None,
        "actions": info.num_actions,
        "missed_catchup_window": info.num_actions_missed_catchup_window,
        "skipped_overlap": info.num_actions_skipped_overlap,
        "dropped": info.num_actions_dropped,
        "buffered": info.num_actions_buffered,
        "last_error": info.last_error,
        "running": [_execution(each) for each in info.running_actions],
        "recent": [_taken(each) for each in info.recent_actions],
        "next": list(info.next_action_times),
        "created": info.created_at,
        "updated": info.last_updated_at,
    }


def spec_data(spec: ScheduleSpec) -> dict[str, Any]:
    """When the action is taken, for `--json`."""
    return {
        "cron": list(spec.cron_expressions),
        "intervals": [{"every": each.every, "offset": each.offset} for each in spec.intervals],
        "calendars": [_calendar(each) for each in spec.calendars],
        "skip": [_calendar(each) for each in spec.skip],
        "start": spec.start_at,
        "end": spec.end_at,
        "jitter": spec.jitter,
        "time_zone": spec.time_zone_name or "UTC",
    }


def listed_data(row: ScheduleListDescription) -> dict[str, Any]:
    """A row of a list for `--json`."""
    return {
        "id": row.id,
        **_listed_action(row),
        "spec": spec_data(row.schedule.spec),
        "paused": row.schedule.state.paused,
        "note": row.schedule.state.note,
        "recent": [_taken(each) for each in row.info.recent_actions],
        "next": list(row.info.next_action_times),
    }


def print_description(found: ScheduleDescription, as_json: bool) -> None:
    """What a schedule is, what it has done and will do."""
    if as_json:
        print_json(description_data(found))
        return
    data, info = description_data(found), found.info
    console().print(
        facts(
            [
                ("Schedule", found.id),
                ("Workflow type", data["action"].get("workflow_type")),
                ("Workflow id", data["action"].get("workflow_id")),
                ("Activity type", data["action"].get("activity_type")),
                ("Activity id", data["action"].get("activity_id")),
                ("Task queue", data["action"].get("task_queue")),
                ("When", when_text(found.schedule.spec)),
                ("Overlap", data["overlap_policy"]),
                ("State", "PAUSED" if data["paused"] else "RUNNING"),
                ("Note", data["note"]),
                ("Actions left", data["remaining_actions"]),
                ("Actions taken", info.num_actions),
                ("Skipped", info.num_actions_skipped_overlap or None),
                ("Missed", info.num_actions_missed_catchup_window or None),
                ("Waiting", info.num_actions_buffered or None),
                ("Last error", info.last_error),
                ("Running", ", ".join(_id(each) for each in data["running"])),
                ("Next", ", ".join(map(time_text, info.next_action_times[:NEXT_SHOWN]))),
            ]
        )
    )
    if info.recent_actions:
        rows = [(time_text(each["scheduled"]), time_text(each["started"]), _id(each)) for each in data["recent"]]
        console().print(table(("Due", "Taken", "Started"), rows, title="Recent actions"))


def print_list(rows: list[ScheduleListDescription]) -> None:
    """A table of schedules."""
    cells = (
        (
            row.id,
            next(iter(_listed_action(row).values()), ""),
            when_text(row.schedule.spec),
            "PAUSED" if row.schedule.state.paused else "RUNNING",
            time_text(_first(row.info.next_action_times)),
        )
        for row in rows
    )
    console().print(table(("Id", "Starts", "When", "State", "Next"), cells))


def when_text(spec: ScheduleSpec) -> str:
    """In a few words."""
    words = [*spec.cron_expressions, *(f"every {duration_text(each.every)}" for each in spec.intervals)]
    if spec.calendars:
        words.append(f"{len(spec.calendars)} calendar{'s' if len(spec.calendars) > 1 else ''}")
    zone = f" ({spec.time_zone_name})" if spec.time_zone_name else ""
    return "; ".join(words) + zone


def _listed_action(row: ScheduleListDescription) -> dict[str, str]:
    action = row.schedule.action
    if isinstance(action, ScheduleListActionStartActivity):
        return {"activity_type": action.activity}
    return {"workflow_type": action.workflow} if isinstance(action, ScheduleListActionStartWorkflow) else {}


def _first(times: Any) -> datetime | None:
    return times[0] if times else None


def _execution(execution: Any) -> dict[str, Any]:
    if isinstance(execution, ScheduleActionExecutionStartActivity):
        return {"activity_id": execution.activity_id, "activity_run_id": execution.activity_run_id}
    if not isinstance(execution, ScheduleActionExecutionStartWorkflow):
        return {}
    return {"workflow_id": execution.workflow_id, "first_execution_run_id": execution.first_execution_run_id}


def _id(started: dict[str, Any]) -> str:
    return str(started.get("workflow_id") or started.get("activity_id") or "")


def _taken(taken: ScheduleActionResult) -> dict[str, Any]:
    return {"scheduled": taken.scheduled_at, "started": taken.started_at, **_execution(taken.action)}


def _calendar(calendar: ScheduleCalendarSpec) -> dict[str, Any]:
    names = ("second", "minute", "hour", "day_of_month", "month", "year", "day_of_week")
    return {name: [_range(each) for each in getattr(calendar, name)] for name in names}


def _range(numbers: ScheduleRange) -> list[int]:
    return [numbers.start, numbers.end, numbers.step]
