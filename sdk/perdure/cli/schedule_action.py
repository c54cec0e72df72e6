"""What a schedule starts, as options of a command: a workflow, or an activity without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from perdure.cli.json_input import duration, parse_inputs
from perdure.cli.options import input_option
from perdure.client import ScheduleAction, ScheduleActionStartActivity, ScheduleActionStartWorkflow

Command = TypeVar("Command", bound=Callable[..., Any])

_OF_WORKFLOWS = ("workflow_id",)
_OF_ACTIVITIES = ("activity_id", "start_to_close_timeout", "schedule_to_close_timeout", "heartbeat_timeout")


def action_options(command: Command) -> Command:
    """What is started, and where."""
    for option in reversed(
        [
            click.option("--type", "workflow_type", help="Start workflows of this type."),
            click.option("--activity-type", help="Or activities (tasks) of this type, without a workflow."),
            click.option("--task-queue", required=True, help="Where its workers poll."),
            click.option("--workflow-id", help="The moment is put behind it; by default the id of the schedule."),
            click.option("--activity-id", help="The same, of activities."),
            click.option("--start-to-close-timeout", type=duration, help="Of an attempt of an activity, such as 30s."),
            click.option("--schedule-to-close-timeout", type=duration, help="Of an activity with all its attempts."),
            click.option("--heartbeat-timeout", type=duration, help="The longest silence of an activity."),
            input_option,
        ]
    ):
        command = option(command)
    return command


def action_of(schedule_id: str, options: dict[str, Any]) -> ScheduleAction:
    """The action that the options describe; takes them away.

    Raises:
        click.UsageError: they describe none, or two.
    """
    names = "workflow_type", "activity_type", "task_queue", "inputs", *_OF_WORKFLOWS, *_OF_ACTIVITIES
    given = {name: options.pop(name) for name in names}
    if (given["workflow_type"] is None) == (given["activity_type"] is None):
        raise click.UsageError("say what is started: --type for workflows, or --activity-type for activities, not both")
    kind, foreign = ("--type", _OF_ACTIVITIES) if given["workflow_type"] else ("--activity-type", _OF_WORKFLOWS)
    wrong = [f"--{name.replace('_', '-')}" for name in foreign if given[name] is not None]
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)} cannot be given beside {kind}")
    args, task_queue = parse_inputs(given["inputs"]), given["task_queue"]
    if given["workflow_type"]:
        return ScheduleActionStartWorkflow(
            given["workflow_type"], args=args, id=given["workflow_id"] or schedule_id, task_queue=task_queue
        )
    timeouts = {name: given[name] for name in _OF_ACTIVITIES[1:]}
    if timeouts["start_to_close_timeout"] is None and timeouts["schedule_to_close_timeout"] is None:
        raise click.UsageError(
            "give activities a --start-to-close-timeout (of one attempt) or a --schedule-to-close-timeout (of all)"
        )
    return ScheduleActionStartActivity(
        given["activity_type"], args=args, id=given["activity_id"] or schedule_id, task_queue=task_queue, **timeouts
    )
