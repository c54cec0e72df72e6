"""Task queues on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol import task_queues as wire
from perdure.protocol.activity_lists import (
    ActivityCount,
    ActivityPage,
    ActivitySummary,
    CountActivities,
    ListActivities,
)
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from tests.unit.perdure.cli.terminal import Terminal
from tests.unit.perdure.client.greeting import Rows
from tests.unit.perdure.client.test_task_queues import ACTIVITIES, INFO, engine_of


def test_list(terminal: Terminal) -> None:
    terminal.answer(engine_of(INFO))
    shown = terminal.run("queue", "list").stdout
    assert "activities" in shown
    assert "paused (broken), 2.5/s (burst 4), 10 at a time, 1/s a key, 2 at a time a key, a key with its own" in shown
    assert "workflow tasks" not in shown, "nothing of them"
    [row] = terminal.json("queue", "list")
    depth = {name: row["activities"][name] for name in ("depth", "running", "ratePerSecond", "workers", "slots")}
    assert depth == {"depth": 12, "running": 3, "ratePerSecond": 1.5, "workers": 1, "slots": 50}
    assert row["activities"]["oldestAgeSeconds"] > 0


def test_show(terminal: Terminal) -> None:
    terminal.answer(engine_of(INFO))
    shown = terminal.run("queue", "show", "mail").stdout
    for part in ("Revision", "host", "acme", "Held for"):
        assert part in shown
    found = terminal.json("queue", "show", "mail")
    assert found["settings"]["pausedUntil"] == "forever"
    assert found["keys"] == {"acme": {"running": 1, "heldForSeconds": 2.0}}
    assert found["heldForSeconds"] == 5.0


def test_set(terminal: Terminal) -> None:
    terminal.answer(engine_of(INFO))
    result = terminal.run("queue", "set", "mail", "--rate", "30/m", "--concurrency", "none", "--key-burst", "4")
    assert result.stdout.startswith("mail: paused (broken), 2.5/s")
    [request] = terminal.requests(wire.SetQueueLimits)
    assert (request.rate_micro, request.burst, request.concurrency, request.key_burst) == (500_000, None, 0, 4)
    settings = terminal.json("queue", "set", "mail", "--key", "acme", "--weight", "2.5", "--rate", "none")
    assert (settings["ratePerSecond"], settings["perKey"]["concurrency"]) == (2.5, 2)
    [request] = terminal.requests(wire.SetQueueLimits)
    assert (request.key, request.weight, request.rate_micro) == ("acme", 2_500, 0)
    terminal.run("queue", "set", "mail", "--key", "acme", "--weight", "none")
    assert terminal.requests(wire.SetQueueLimits)[0].weight == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "at least one limit"),
        (("--rate", "0"), "is no rate"),
        (("--rate", "fast"), "is no rate"),
        (("--concurrency", "0"), "is no number of tasks"),
        (("--weight", "2"), "give --key"),
        (("--key", "acme", "--key-rate", "1"), "with --key"),
        (("--key", "acme", "--weight", "much"), "0.001 to 1000"),
    ],
)
def test_set_says_what_is_wrong(terminal: Terminal, options: tuple[str, ...], problem: str) -> None:
    terminal.answer(engine_of(INFO))
    result = terminal.run("queue", "set", "mail", *options)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_pause_and_resume(terminal: Terminal) -> None:
    terminal.answer(engine_of(INFO))
    assert terminal.run("queue", "pause", "mail", "--for", "10m", "--reason", "an upgrade").exit_code == 0
    [request] = terminal.requests(wire.PauseQueue)
    assert (request.reason, request.until_us < wire.FOREVER_US) == ("an upgrade", True)
    assert terminal.json("queue", "resume", "mail", "--key", "acme")["paused"] is True
    [request] = terminal.requests(wire.PauseQueue)
    assert (request.until_us, request.key) == (0, "acme")
    assert "is no time" in terminal.run("queue", "pause", "mail", "--for", "long").stderr


def test_drain(terminal: Terminal) -> None:
    terminal.answer(engine_of(INFO._replace(activities=ACTIVITIES._replace(running=0))))
    assert terminal.run("queue", "drain", "mail").stdout == "mail is paused, and nothing of it runs.\n"
    assert terminal.json("queue", "drain", "mail")["activities"]["running"] == 0
    terminal.answer(engine_of(INFO))
    assert "stays paused" in terminal.run("queue", "drain", "mail", "--timeout", "0.1").stderr


def test_purge_asks_first_and_wants_a_pause(terminal: Terminal) -> None:
    def answer(number: int, request: Any) -> Rows:
        yield number, ReplyKind.OK, wire.Purged(0) if isinstance(request, wire.PurgeQueue) else INFO

    terminal.answer(answer)
    assert "12 activities wait in mail" in terminal.run("queue", "purge", "mail", input="n\n").stderr
    assert terminal.requests(wire.PurgeQueue) == []
    assert terminal.run("queue", "purge", "mail", "--yes").stdout == "12 activities of mail have failed.\n"
    assert terminal.json("queue", "purge", "mail", "--yes") == {"name": "mail", "purged": 12}
    terminal.answer(engine_of(INFO._replace(settings=wire.QueueSettings("default", "mail"))))
    refused = terminal.run("queue", "purge", "mail", "--yes")
    assert refused.exit_code != 0
    assert "is not paused" in refused.stderr


def test_requeue_says_how_many_and_asks(terminal: Terminal) -> None:
    row = ActivitySummary("default", "mail-1", "run", "send", "mail", 3, 2_000_000, 5_000_000)

    def answer(number: int, request: Any) -> Rows:
        if isinstance(request, CountActivities):
            yield number, ReplyKind.OK, ActivityCount(1234)
        elif isinstance(request, ListActivities):
            yield number, ReplyKind.OK, ActivityPage((row,))
        else:
            error = ErrorReply(ErrorCode.NOT_FOUND, "its retention is over")
            yield number, ReplyKind.ERROR, error

    terminal.answer(answer)
    refused = terminal.run("queue", "requeue", "mail", "--limit", "10", input="n\n")
    assert "Start 10 of 1,234 dead tasks of mail again?" in refused.stderr
    assert terminal.requests(ListActivities) == []
    told = terminal.run("queue", "requeue", "mail", "--activity-type", "it's", "--yes")
    assert told.stdout == "0 tasks of mail have been started again.\n"
    [request] = terminal.requests(ListActivities)
    assert request.query == (
        "TaskQueue = 'mail' AND ExecutionStatus IN ('Failed', 'TimedOut') AND ActivityType = 'it''s'"
    )
    assert terminal.json("queue", "requeue", "mail", "--yes") == {"name": "mail", "requeued": 0}
