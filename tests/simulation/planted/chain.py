"""Bugs of chains: what is lost where a run goes on in another one, and runs that follow twice or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Sequence
from typing import Any

import pytest

from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.events import WorkflowExecutionSignaled
from perdure_engine.core import command, completion
from perdure_engine.core.command import CommandProblem
from perdure_engine.core.run_start import begin_run
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Successor, Transition
from perdure_engine.history.batch import Batch
from perdure_engine.history.runs import Runs
from perdure_engine.history.shard import Shard
from perdure_store import memory_tables
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.SIGNAL_KEPT, seed=22)
def lose_a_buffered_signal_at_continue_as_new(patch: pytest.MonkeyPatch) -> None:
    """A workflow may go on as new although a signal waits for it, which neither of the two runs gets."""
    find_problem = command.command_problem

    def overlook(state: MutableState, commands: Any) -> CommandProblem | None:
        if any(isinstance(item, ContinueAsNewWorkflowExecution) for item in commands):
            state.buffered = [
                item for item in state.buffered if not isinstance(item.event.attributes, WorkflowExecutionSignaled)
            ]
        return find_problem(state, commands)

    patch.setattr(completion, "command_problem", overlook)


@planted(Rule.CHAIN, Rule.RUNS_APART)
def begin_two_successors(patch: pytest.MonkeyPatch) -> None:
    """The first run of a chain is followed by two, and the store lets both be open. If every run were, a schedule would
    have as many runs as there are grains on a chessboard."""
    begin, check_new = Runs.begin, memory_tables._check_new

    def begin_both(self: Runs, batch: Batch, shard: Shard, new: Successor, witnessed: Iterable[str]) -> None:
        state, other = new.state, Transition()
        before = state.started.continued_execution_run_id
        if before and before == state.started.first_execution_run_id:
            run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, state.run_id))
            twin = begin_run(state.namespace, run_id, state.shard_id, state.started, batch.now_us, other)
            begin(self, batch, shard, Successor(twin, other), witnessed)
        begin(self, batch, shard, new, witnessed)

    def check_most(table: str, keys: Sequence[Any], existing: Container[Any], freed: Container[Any] = ()) -> None:
        if table != "open executions":
            check_new(table, keys, existing, freed)

    patch.setattr(Runs, "begin", begin_both)
    patch.setattr(memory_tables, "_check_new", check_most)


@planted(Rule.CHAIN, Rule.LIVENESS)
def forget_a_successor(patch: pytest.MonkeyPatch) -> None:
    """A run says which one follows, and that one never begins."""
    begin = Runs.begin

    def begin_most(self: Runs, batch: Batch, shard: Shard, new: Successor, witnessed: Iterable[str]) -> None:
        if not new.state.started.continued_execution_run_id:
            begin(self, batch, shard, new, witnessed)

    patch.setattr(Runs, "begin", begin_most)
