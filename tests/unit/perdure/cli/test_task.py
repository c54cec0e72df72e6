"""Tasks on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.activity_lists import (
    ActivityCount,
    ActivityPage,
    ActivitySummary,
    CountActivities,
    ListActivities,
)
from perdure.protocol.replies import ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows

ROW = ActivitySummary("default", "mail-1", "run", "send", "mails", 2, 2_000_000, 5_000_000)


def answer(number: int, request: Any) -> Rows:
    if isinstance(request, CountActivities):
        yield number, ReplyKind.OK, ActivityCount(1234)
    else:
        yield number, ReplyKind.OK, ActivityPage((ROW,))


@pytest.fixture
def terminal(terminal: Terminal) -> Terminal:
    terminal.answer(answer)
    return terminal


def test_tasks_are_listed(terminal: Terminal) -> None:
    shown = terminal.run("task", "list", "--query", "TaskQueue = 'mails'", "--limit", "5").stdout
    assert all(text in shown for text in ("mail-1", "send", "mails"))
    [request] = terminal.requests(ListActivities)
    assert request[:3] == ("default", "TaskQueue = 'mails'", 5)
    [row] = terminal.json("task", "list")
    assert (row["activity_id"], row["activity_type"], row["status"]) == ("mail-1", "send", "COMPLETED")
    terminal.answer(lambda number, request: [(number, ReplyKind.OK, ActivityPage(()))])
    assert "There is no such task in namespace default" in terminal.run("task", "list").stderr


def test_tasks_are_counted(terminal: Terminal) -> None:
    assert terminal.run("task", "count").stdout == "1,234\n"
    assert terminal.json("task", "count", "--query", "TaskQueue = 'mails'") == {"count": 1234}
