"""Durable timers: what `asyncio` makes of a delay inside a workflow."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Protocol

from perdure.execution.commands import CommandLedger, IssuedCommand
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.source_lines import calling_line
from perdure.protocol.commands import CancelTimer, Command, StartTimer
from perdure.protocol.events import EventType, HistoryEvent

_STARTED = int(EventType.TIMER_STARTED)


class TimerOwner(Protocol):
    """What a timer asks of its workflow."""

    loop: WorkflowEventLoop
    ledger: CommandLedger
    timers: dict[str, DurableTimer]
    replaying: bool


class DurableTimer(asyncio.TimerHandle):
    """A callback that runs when the history says that the timer fired.

    Attributes:
        command: What was asked for; None once it is in the history, or if it was cancelled before it was sent.
        has_fired: Its firing is in the history, though the workflow may not have seen it yet.
    """

    __slots__ = ("_is_started", "_owner", "command", "has_fired", "line", "timer_id")

    def __init__(
        self,
        owner: TimerOwner,
        command: StartTimer,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        when = owner.loop.time() + command.start_to_fire_timeout_ms / 1000
        super().__init__(when, callback, args, owner.loop, context)
        self._owner = owner
        self._is_started = False
        self.timer_id = command.timer_id
        self.command: Command | None = command
        self.line = calling_line() if owner.replaying else ""
        self.has_fired = False
        owner.ledger.issue(self)

    def matches(self, event: HistoryEvent) -> bool:
        if event.event_type != _STARTED or event.attributes.timer_id != self.timer_id:
            return False
        self.command = None
        self._is_started = True
        self._owner.timers[self.timer_id] = self
        return True

    def scheduled(self, event_id: int) -> bool:
        return False

    def fire(self) -> None:
        """Have the callback run."""
        if not self._cancelled:
            self._owner.loop.call_soon(self._run)

    def cancel(self) -> None:
        if self._cancelled or self.has_fired:
            self._cancelled = True
            return
        self._cancelled = True
        if not self._is_started:
            self.command = None  # not sent yet, so that nobody ever hears of it
            return
        self._owner.timers.pop(self.timer_id, None)
        line = calling_line() if self._owner.replaying else ""
        self._owner.ledger.issue(IssuedCommand(CancelTimer(self.timer_id), line))
