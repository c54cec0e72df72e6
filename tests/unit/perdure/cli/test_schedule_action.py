"""What a schedule on the command line starts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.cli.schedule_action import action_of
from perdure.client import ScheduleActionStartActivity, ScheduleActionStartWorkflow
from perdure.converter import DataConverter
from perdure.protocol import schedule as wire
from perdure.protocol.replies import ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

HOURLY = ["--every", "1h"]
NOTHING: dict[str, Any] = {
    "workflow_type": None,
    "activity_type": None,
    "task_queue": "q",
    "workflow_id": None,
    "activity_id": None,
    "start_to_close_timeout": None,
    "schedule_to_close_timeout": None,
    "heartbeat_timeout": None,
    "inputs": (),
}


def answer(number: int, request: Any) -> Rows:
    if isinstance(request, wire.DescribeSchedule):
        # As it was created: the stage keeps nothing.
        yield number, ReplyKind.OK, wire.ScheduleDescription("s", CREATED[-1], wire.ScheduleInfo(5), 1)
    else:
        CREATED.append(request.schedule)
        yield number, ReplyKind.OK, None


CREATED: list[wire.Schedule] = []


def test_activities_without_a_workflow(terminal: Terminal) -> None:
    terminal.answer(answer)
    arguments = ["--activity-type", "send", "--task-queue", "mails", "--input", '"ada"', "--heartbeat-timeout", "5s"]
    told = terminal.run("schedule", "create", "s", *arguments, "--start-to-close-timeout", "1m", *HOURLY)
    assert told.exit_code == 0, told.output
    assert "send" in told.output
    [request] = terminal.requests(wire.CreateSchedule)
    action = request.schedule.action.activity
    assert (action.activity_id, action.activity_type, action.task_queue) == ("s", "send", "mails")
    assert action.input == DataConverter.default.to_bytes(["ada"])
    assert (action.options.start_to_close_timeout_ms, action.options.heartbeat_timeout_ms) == (60_000, 5_000)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "say what is started: --type for workflows, or --activity-type"),
        (["--type", "Job", "--activity-type", "send"], "say what is started"),
        (["--type", "Job", "--activity-id", "a"], "--activity-id cannot be given beside --type"),
        (["--activity-type", "send", "--workflow-id", "w"], "--workflow-id cannot be given beside --activity-type"),
        (["--activity-type", "send"], "give activities a --start-to-close-timeout"),
    ],
)
def test_what_does_not_fit_is_said(terminal: Terminal, given: list[str], problem: str) -> None:
    told = terminal.run("schedule", "create", "s", "--task-queue", "q", *HOURLY, *given)
    assert told.exit_code == 2
    assert problem in " ".join(told.stderr.split())


def test_the_id_is_that_of_the_schedule_unless_it_is_given() -> None:
    workflow = action_of("s", {**NOTHING, "workflow_type": "Job"})
    assert isinstance(workflow, ScheduleActionStartWorkflow)
    assert (workflow.workflow, workflow.id) == ("Job", "s")
    options = {**NOTHING, "activity_type": "send", "activity_id": "mail", "start_to_close_timeout": timedelta(hours=1)}
    activity = action_of("s", options)
    assert isinstance(activity, ScheduleActionStartActivity)
    assert activity.id == "mail"
