"""The transcript: what happened in a world, line by line, for a person who wants to know why.

Processes and faults are written down as they happen; requests, replies, hand-outs and attempts are taken from the
ledger, which has them anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from perdure.protocol.replies import ReplyKind
from perdure.protocol.tasks import WorkflowTask
from tests.simulation.ledger import Ledger

_SHOWN = (
    "workflow_id",
    "run_id",
    "signal_name",
    "request_id",
    "scheduled_event_id",
    "attempt",
    "reason",
    "sticky_queue",
    "commands",
)
"""Fields of a request that a transcript shows."""

_TEXT_MAX = 60

_AGAIN_MAX = 2
"""Repetitions of a request that a transcript shows, beside the last one."""


class Transcript:
    """`is_kept`: else nothing is written down."""

    def __init__(self, is_kept: bool) -> None:
        self.is_kept = is_kept
        self._lines: list[tuple[float, str]] = []

    def write(self, text: str) -> None:
        if self.is_kept:
            self._lines.append((asyncio.get_running_loop().time(), text))

    def told(self, ledger: Ledger) -> list[str]:
        """All lines in order of time, with those that the ledger tells."""
        if not self.is_kept:
            return []
        lines = sorted([*self._lines, *_lines_of(ledger)], key=lambda line: line[0])
        return [f"{at_s:10.4f}  {text}" for at_s, text in lines]


def _lines_of(ledger: Ledger) -> Iterator[tuple[float, str]]:
    for ask in ledger.asks.values():
        name = f"{ask.sender} #{ask.number} {type(ask.request).__name__}"
        for count, at_s in enumerate(ask.sent_s[: _AGAIN_MAX + 1]):
            yield at_s, f"{name} {_shown(ask.request) if not count else '(again)'}"
        if len(ask.sent_s) > _AGAIN_MAX + 1:
            yield ask.sent_s[-1], f"{name} (again, the {len(ask.sent_s)}th time)"
        for reply in ask.replies:
            body = "" if reply.body is None else f" {_cut(str(reply.body))}"
            yield reply.at_s, f"{name} is answered {ReplyKind(reply.kind).name}{body}"
    for hand_out in ledger.hand_outs:
        task = hand_out.task
        kind = "workflow task" if isinstance(task, WorkflowTask) else f"activity {task.activity_id}"
        what = f"{kind} {task.scheduled_event_id} attempt {task.attempt} of {task.run_id[:8]}"
        yield hand_out.at_s, f"{hand_out.worker} is handed {what}"
    for (run_id, activity_id), attempts in ledger.attempts.items():
        for attempt in attempts:
            what = f"attempt {attempt.number} of activity {activity_id} of {run_id[:8]}"
            yield attempt.at_s, f"{attempt.worker} begins {what}"


def _shown(request: Any) -> str:
    fields = [(name, getattr(request, name)) for name in _SHOWN if getattr(request, name, None)]
    return ", ".join(f"{name} {_cut(_plain(name, value))}" for name, value in fields)


def _plain(name: str, value: Any) -> str:
    if name == "run_id":
        return str(value)[:8]
    if name == "commands":
        return " ".join(type(command).__name__ for command in value)
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."
