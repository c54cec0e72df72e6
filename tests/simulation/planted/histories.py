"""Bugs of histories: what was buffered, asked for or snapshotted, and is not what it should be."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.events import HistoryEvent, WorkflowExecutionCancelRequested, WorkflowExecutionSignaled
from perdure.protocol.requests import RequestCancelWorkflow
from perdure_engine.core import command, completion, decide, ledger, snapshot, workflow_execution, workflow_task
from perdure_engine.core.command import CommandProblem
from perdure_engine.core.state import BufferedEvent, MutableState
from perdure_engine.core.transition import Transition
from perdure_engine.history import batch, resetting
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule

SENT_BY_PEOPLE = (WorkflowExecutionSignaled, WorkflowExecutionCancelRequested)


@planted(Rule.SIGNAL_KEPT, seed=2)
def lose_a_buffered_signal(patch: pytest.MonkeyPatch) -> None:
    """A signal that waits for a workflow task to be closed is kept in memory alone, and gone with it."""

    def seal(state: MutableState) -> list[HistoryEvent]:
        return [
            record
            for record in ledger.seal(state)
            if not isinstance(record.attributes.attributes, WorkflowExecutionSignaled)
        ]

    patch.setattr(batch, "seal", seal)


@planted(Rule.RESET_KEPT, seed=6)
def forget_what_was_sent_before_a_reset(patch: pytest.MonkeyPatch) -> None:
    """A run that is begun anew at an earlier point is not sent again what its base was sent after that."""
    patch.setattr(resetting, "sent_after", lambda records, event_id, exclude: [])


@planted(Rule.CANCEL_KEPT, seed=2)
def drop_a_cancellation(patch: pytest.MonkeyPatch) -> None:
    """A request to cancel is answered, and not written down."""

    def answer(state: MutableState, request: Any, now_us: int, transition: Transition) -> None:
        transition.answer()

    patch.setitem(decide.DECIDED, RequestCancelWorkflow, answer)


@planted(Rule.SNAPSHOT, seed=4)
def forget_timers_in_a_snapshot(patch: pytest.MonkeyPatch) -> None:
    """A run that is resumed from its snapshot knows of none of its timers."""

    def encode(state: MutableState) -> bytes:
        timers, state.timers = state.timers, {}
        try:
            return snapshot.encode_snapshot(state)
        finally:
            state.timers = timers

    patch.setattr(batch, "encode_snapshot", encode)


@planted(Rule.LEGAL, seed=3)
def close_over_waiting_events(patch: pytest.MonkeyPatch) -> None:
    """A workflow may close although there is something that it has not seen."""
    find_problem = command.command_problem

    def overlook(state: MutableState, commands: Any) -> CommandProblem | None:
        buffered, state.buffered = state.buffered, []
        try:
            return find_problem(state, commands)
        finally:
            state.buffered = buffered

    patch.setattr(completion, "command_problem", overlook)


@planted(Rule.LEGAL, seed=5)
def put_outcomes_before_signals(patch: pytest.MonkeyPatch) -> None:
    """What was buffered becomes events in the wrong order."""
    flush = ledger.flush

    def flush_outcomes_first(state: MutableState, transition: Transition, held: list[BufferedEvent]) -> None:
        sent = [item for item in held if isinstance(item.event.attributes, SENT_BY_PEOPLE)]
        flush(state, transition, [item for item in held if item not in sent])
        flush(state, transition, sent)

    for module in (command, completion, workflow_execution, workflow_task):
        patch.setattr(module, "flush", flush_outcomes_first)
