"""`perdure activity`: what it sends, and what it prints."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.converter import DataConverter
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.replies import ActivityDirective, ReplyKind
from perdure.protocol.requests import ActivityChange, ActivityReport, ChangeActivity, ReportActivity
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

CONVERTER = DataConverter.default


def accept(number: int, request: Any) -> Rows:
    beat = isinstance(request, ReportActivity) and request.report == ActivityReport.HEARTBEAT
    yield number, ReplyKind.OK, ActivityDirective(True, False) if beat else None


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(accept)
    return terminal


def test_pause_and_unpause(terminal: Terminal) -> None:
    told = terminal.json("activity", "pause", "w", "a", "--reason", "maintenance")
    assert told == {"workflow_id": "w", "activity_id": "a", "activity_type": None, "reason": "maintenance"}
    [request] = terminal.requests(ChangeActivity)
    assert (request.change, request.activity_id, request.reason) == (ActivityChange.PAUSE, "a", "maintenance")
    result = terminal.run("activity", "unpause", "w", "--type", "charge", "--reset-attempts", "--run-id", "r")
    assert result.stdout == "Unpaused all of the type charge of w\n"
    [request] = terminal.requests(ChangeActivity)
    assert (request.change, request.activity_type, request.run_id) == (ActivityChange.UNPAUSE, "charge", "r")
    assert (request.reset_attempts, request.reset_heartbeat) == (True, False)


def test_reset(terminal: Terminal) -> None:
    result = terminal.run("activity", "reset", "w", "a", "--jitter", "10s", "--reset-heartbeat", "--keep-paused")
    assert result.stdout == "Reset a of w\n"
    [request] = terminal.requests(ChangeActivity)
    assert 0 <= request.delay_ms <= 10_000
    assert (request.reset_heartbeat, request.keep_paused) == (True, True)


@pytest.mark.parametrize("which", [(), ("a", "--type", "charge")])
def test_which_one_must_be_clear(terminal: Terminal, which: tuple[str, ...]) -> None:
    result = terminal.run("activity", "pause", "w", *which)
    assert result.exit_code == 2
    assert "give the id of an activity, or --type for all of a type, not both" in result.stderr


def test_complete_fail_and_heartbeat(terminal: Terminal) -> None:
    assert terminal.run("activity", "complete", "w", "a", "--result", '{"n": 1}').stdout == "Completed a of w\n"
    [done] = terminal.requests(ReportActivity)
    assert CONVERTER.value_from_bytes(done.data, None) == {"n": 1}
    assert terminal.json("activity", "complete", "w", "a") == {"workflow_id": "w", "activity_id": "a"}
    [done] = terminal.requests(ReportActivity)
    assert CONVERTER.value_from_bytes(done.data, None) is None
    words = ("--reason", "no", "--type", "Declined", "--non-retryable")
    assert terminal.run("activity", "fail", "w", "a", *words).stdout == "Failed a of w\n"
    [failed] = terminal.requests(ReportActivity)
    assert failed.failure.message == "no"
    assert failed.failure.info == ApplicationInfo("Declined", True)
    assert terminal.run("activity", "heartbeat", "w", "a", "--input", "50").stdout == "Heard of a of w\n"
    [beat] = terminal.requests(ReportActivity)
    assert CONVERTER.from_bytes(beat.data) == [50]


def test_a_result_that_is_no_json(terminal: Terminal) -> None:
    result = terminal.run("activity", "complete", "w", "a", "--result", "{")
    assert result.exit_code == 2
    assert "--result is not JSON" in result.stderr
