"""Schedules on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol import schedule as wire
from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.replies import ReplyKind
from perdure.protocol.start_requests import StartWorkflow
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

START = StartWorkflow("default", "job", "Job", "q", DataConverter.default.to_bytes([5]), "", "me")
SPEC = wire.ScheduleSpec(
    (wire.CalendarSpec(),), (wire.IntervalSpec(3_600_000_000),), ("@daily",), time_zone="Europe/Berlin"
)
RUNNING = wire.Execution("job-1", "run")
INFO = wire.ScheduleInfo(5, 6, 7, 1, 2, 0, 3, (RUNNING,), (wire.ActionTaken(5, 6, RUNNING),), (9, 10), "oh")
ROW = wire.ScheduleDescription(
    "s", wire.Schedule(wire.ScheduleAction(START), SPEC, state=wire.ScheduleState("why", True)), INFO, 4
)


def answer(number: int, request: Any) -> Rows:
    match request:
        case wire.DescribeSchedule():
            yield number, ReplyKind.OK, ROW
        case wire.ListSchedules():
            yield number, ReplyKind.OK, wire.SchedulePage((ROW,) if request.namespace == "default" else ())
        case _:
            yield number, ReplyKind.OK, None


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(answer)
    return terminal


def test_a_schedule_is_created(terminal: Terminal) -> None:
    arguments = ["--type", "Job", "--task-queue", "q", "--cron", "0 9 * * *", "--every", "1h/15m", "--input", "5"]
    policy = ["--overlap", "buffer-one", "--catchup-window", "5m", "--pause-on-failure", "--remaining-actions", "3"]
    times = ["--start-at", "2027-01-01T00:00", "--end-at", "2028-01-01T00:00+01:00", "--jitter", "3s"]
    rest = ["--time-zone", "Europe/Berlin", "--note", "n", "--paused", "--trigger"]
    told = terminal.run("schedule", "create", "s", *arguments, *policy, *times, *rest)
    assert told.exit_code == 0, told.output
    [request] = terminal.requests(wire.CreateSchedule)
    made = request.schedule
    assert (made.spec.cron_expressions, made.spec.intervals) == (
        ("0 9 * * *",),
        (wire.IntervalSpec(3_600_000_000, 900_000_000),),
    )
    assert (made.spec.end_us - made.spec.start_us, made.spec.jitter_us) == (8_759 * 3_600_000_000, 3_000_000)
    assert made.policy == wire.SchedulePolicy(2, 300_000_000, True)
    assert (made.state, request.trigger) == (wire.ScheduleState("n", True, True, 3), True)
    assert (made.action.workflow.workflow_id, made.action.workflow.input) == ("s", START.input)


def test_what_is_missing_or_wrong_is_said(terminal: Terminal) -> None:
    create = ["schedule", "create", "s", "--type", "Job", "--task-queue", "q"]
    assert "say when" in terminal.run(*create).stderr
    assert "is no time" in terminal.run(*create, "--every", "1h", "--start-at", "soon").stderr
    assert "is no duration" in terminal.run(*create, "--every", "soon").stderr
    assert "say what is to be changed" in terminal.run("schedule", "update", "s").stderr


def test_a_schedule_is_shown(terminal: Terminal) -> None:
    shown = terminal.run("schedule", "describe", "s").stdout
    for text in ("Job", "@daily; every 1 h; 1 calendar (Europe/Berlin)", "PAUSED", "why", "job-1", "oh"):
        assert text in shown
    data = terminal.json("schedule", "describe", "s")
    assert (data["actions"], data["paused"], data["spec"]["cron"]) == (7, True, ["@daily"])
    assert data["recent"][0]["workflow_id"] == "job-1"


def test_a_schedule_of_an_activity_is_shown(terminal: Terminal) -> None:
    start = StartActivity("default", "mail", "send", "q", b"", "", "me", ActivityOptions(60_000))
    taken = wire.ActionTaken(5, 6, wire.Execution("mail-1", "run", True))
    info = INFO._replace(running=(taken.execution,), recent=(taken,))
    row = ROW._replace(schedule=ROW.schedule._replace(action=wire.ScheduleAction(activity=start)), info=info)
    terminal.answer(
        lambda number, request: [
            (number, ReplyKind.OK, row if isinstance(request, wire.DescribeSchedule) else wire.SchedulePage((row,)))
        ]
    )
    shown = terminal.run("schedule", "describe", "s").stdout
    assert all(text in shown for text in ("send", "mail-1"))
    data = terminal.json("schedule", "describe", "s")
    assert data["action"] == {"activity_type": "send", "activity_id": "mail", "task_queue": "q"}
    assert data["running"] == [{"activity_id": "mail-1", "activity_run_id": "run"}]
    assert terminal.json("schedule", "list")[0]["activity_type"] == "send"


def test_schedules_are_listed(terminal: Terminal) -> None:
    assert "PAUSED" in terminal.run("schedule", "list").stdout
    assert terminal.json("schedule", "list")[0]["workflow_type"] == "Job"
    terminal.answer(lambda number, request: [(number, ReplyKind.OK, wire.SchedulePage(()))])
    assert "There is no schedule" in terminal.run("schedule", "list").stderr
    query = "TemporalSchedulePaused = true"
    assert "There is no such schedule" in terminal.run("schedule", "list", "--query", query).stderr
    assert [request.query for request in terminal.requests(wire.ListSchedules)] == [query]


def test_what_is_given_takes_the_place_of_what_there_is(terminal: Terminal) -> None:
    terminal.run("schedule", "update", "s", "--cron", "@hourly", "--no-pause-on-failure", "--overlap", "allow-all")
    [request] = terminal.requests(wire.UpdateSchedule)
    spec = request.schedule.spec
    assert (spec.cron_expressions, spec.intervals, spec.calendars) == (("@hourly",), (), ())
    assert (spec.time_zone, request.schedule.policy.overlap, request.token) == ("Europe/Berlin", 6, 4)
    assert request.schedule.state == ROW.schedule.state
    terminal.run("schedule", "update", "s", "--note", "new", "--remaining-actions", "2")
    [request] = terminal.requests(wire.UpdateSchedule)
    assert request.schedule.spec == SPEC
    assert request.schedule.state == wire.ScheduleState("new", True, True, 2)


def test_what_is_told_to_a_schedule(terminal: Terminal) -> None:
    def patch(*arguments: str) -> Any:
        told = terminal.run("schedule", *arguments)
        assert told.exit_code == 0, told.output
        [request] = terminal.requests(wire.PatchSchedule)
        return request

    assert patch("pause", "s", "--note", "holidays").pause == "holidays"
    assert patch("unpause", "s").unpause == "Unpaused via Python SDK"
    assert patch("trigger", "s").trigger_overlap == 0
    assert patch("trigger", "s", "--overlap", "terminate-other").trigger_overlap == 5
    day = ("backfill", "s", "--from", "1970-01-01", "--to", "1970-01-02T00:00", "--overlap", "buffer-all")
    assert patch(*day).backfills == (wire.Backfill(0, 86_400_000_000, 3),)
    assert "Deleted" in terminal.run("schedule", "delete", "s").stdout
    assert terminal.json("schedule", "delete", "s") == {"id": "s", "deleted": True}
