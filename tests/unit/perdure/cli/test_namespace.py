"""Namespaces on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure.cli import batch_run
from perdure.client import BatchOperationState
from perdure.protocol import operations
from perdure.protocol.replies import ReplyKind
from perdure.protocol.schedule import ListSchedules, SchedulePage
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.cli.test_batch_run import Counting, Ending
from tests.unit.perdure.cli.test_schedule import ROW as SCHEDULE
from tests.unit.perdure.client.greeting import Rows
from tests.unit.perdure.client.test_namespaces import registry


def test_list(terminal: Terminal) -> None:
    terminal.answer(registry)
    result = terminal.run("namespace", "list")
    assert "3 d" in result.stdout
    assert "Every other namespace keeps them for 3 days." in result.stderr
    assert terminal.json("namespace", "list")[1] == {"namespace": "short", "retention": 60.0}


def test_retention(terminal: Terminal) -> None:
    terminal.answer(registry)
    result = terminal.run("namespace", "retention", "short", "12h")
    assert result.stdout == "Closed runs of short are kept for 12 h.\n"
    assert terminal.requests() == [operations.SetRetention("short", 43_200_000)]
    assert terminal.json("namespace", "retention", "short", "60") == {"namespace": "short", "retention": 60.0}
    assert "no duration" in terminal.run("namespace", "retention", "short", "soon").stderr


def test_a_namespace_is_created_described_changed_and_deleted(terminal: Terminal) -> None:
    terminal.answer(registry)
    arguments = ("short", "--retention", "1m", "--description", "words")
    assert "words" in terminal.run("namespace", "create", *arguments).stdout
    assert terminal.requests() == [operations.PutNamespace("short", 60_000, "words", True)]
    assert terminal.json("namespace", "update", "short", "--description", "new")["retention"] == 60.0
    assert terminal.requests() == [operations.PutNamespace("short", 0, "new", False)]
    assert terminal.json("namespace", "describe", "short")["description"] == "words"
    assert terminal.run("namespace", "delete", "short").stdout == "Namespace short is forgotten.\n"
    assert terminal.requests() == [operations.DeleteNamespace("short")]


def without_schedules(answer: Callable[[int, Any], Rows]) -> Callable[[int, Any], Rows]:
    def answer_all(number: int, request: Any) -> Rows:
        if isinstance(request, ListSchedules):
            return [(number, ReplyKind.OK, SchedulePage(()))]
        return answer(number, request)

    return answer_all


def test_a_namespace_is_deleted_with_its_runs_if_somebody_agrees(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Engine(Counting):
        def __call__(self, number: int, request: Any) -> Rows:
            if isinstance(request, operations.DeleteNamespace):
                return [(number, ReplyKind.OK, None)]
            return super().__call__(number, request)

    monkeypatch.setattr(batch_run, "POLL_S", 0.01)
    terminal.answer(without_schedules(Engine()))
    refused = terminal.run("namespace", "delete", "short", "--delete-runs")
    assert (refused.exit_code, "would delete 3 workflows" in refused.stderr) == (1, True)
    assert terminal.run("namespace", "delete", "short", "--delete-runs", "--yes").exit_code == 0
    assert terminal.json("namespace", "delete", "short", "--delete-runs", "--yes") == {"namespace": "short"}
    terminal.answer(without_schedules(Ending(BatchOperationState.STOPPED)))
    stopped = terminal.run("namespace", "delete", "short", "--delete-runs", "--yes")
    assert (stopped.exit_code, "was stopped" in stopped.stderr) == (1, True)
    [request] = terminal.requests(operations.StartBatch)
    assert (request.operation, request.query) == (5, "WorkflowId IS NOT NULL")
    assert not terminal.requests(operations.DeleteNamespace)


def test_no_run_is_deleted_of_a_namespace_that_has_schedules(terminal: Terminal) -> None:
    terminal.answer(lambda number, request: [(number, ReplyKind.OK, SchedulePage((SCHEDULE,)))])
    refused = terminal.run("namespace", "delete", "short", "--delete-runs", "--yes")
    assert refused.exit_code == 1
    assert "has schedules, which would start more runs" in refused.stderr
    assert [type(request) for request in terminal.requests()] == [ListSchedules]
