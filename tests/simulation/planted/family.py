"""Bugs between runs: messages that are lost or that count twice, and children that outlive their parents."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from perdure.protocol.ids import run_id_for_child
from perdure.protocol.messages import RecordChildClosed, StartChildWorkflow
from perdure_engine.core import child, decide
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Send, Transition
from perdure_engine.history import messages
from perdure_engine.history.arrival import Arrival
from perdure_engine.history.batch import Batch
from perdure_engine.history.external import ExternalRequests
from perdure_engine.history.loading import Loaded
from tests.simulation.faults.plan import Fault, Kind
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario
from tests.simulation.weather import Ill


def _with_messages_that_come_twice(scenario: Scenario) -> Scenario:
    """What engines send, they often send again."""
    twice = Fault(0, Kind.SPELL, 0.0, 0, 25.0, Ill.BROKER_TWICE.value, 0.5)
    lost = Fault(1, Kind.SPELL, 0.0, 0, 25.0, Ill.BROKER_ANSWER_LOST.value, 0.2)
    return replace(scenario, faults=(twice, lost))


@planted(Rule.CHILD_TOLD, Rule.LIVENESS)
def lose_a_childs_outcome(patch: pytest.MonkeyPatch) -> None:
    """The word how a child ended, coming while a workflow task of its parent is out, is acknowledged and forgotten."""

    def forget(state: MutableState, request: RecordChildClosed, now_us: int, transition: Transition) -> None:
        if state.workflow_task is None:
            child.record_closed(state, request, now_us, transition)

    patch.setitem(decide.DECIDED, RecordChildClosed, forget)


@planted(Rule.CHILD_ONCE, sharpen=_with_messages_that_come_twice)
def start_a_child_twice(patch: pytest.MonkeyPatch) -> None:
    """A child that ended before its start came once more is started again, in a run that its parent does not know."""

    def start(
        self: messages.Messages, batch: Batch, arrival: Arrival, request: StartChildWorkflow, loaded: Loaded
    ) -> None:
        origin = request.origin
        first = run_id_for_child(origin.run_id, origin.event_id)
        known = self._cache.get(first) or loaded.run(first)
        run_id = first if known is None else str(uuid.uuid5(uuid.NAMESPACE_OID, first))
        if self._cache.get(run_id) is None and loaded.run(run_id) is None:
            self._start_new(batch, arrival, request, run_id, loaded)
        batch.answer(arrival.shard, origin.shard_id, messages._start_answer(request, ""))

    patch.setattr(messages.Messages, "_start_child", start)


@planted(Rule.SIGNAL_ONCE, Rule.SENT_ONCE, Rule.LEGAL, seed=16, sharpen=_with_messages_that_come_twice)
def deliver_a_signal_of_another_workflow_twice(patch: pytest.MonkeyPatch) -> None:
    """A signal from another workflow that comes once more is taken for another one."""
    deliver = ExternalRequests._deliver

    def deliver_again(
        self: ExternalRequests, batch: Batch, arrival: Arrival, request: Any, inner: Any, loaded: Loaded
    ) -> None:
        run = self._find(arrival.shard.shard_id, request)
        if run is not None:
            run.witnessed.pop(request.origin.request_id, None)
            run.state.request_ids.pop(request.origin.request_id, None)
        deliver(self, batch, arrival, request, inner, loaded)

    patch.setattr(ExternalRequests, "_deliver", deliver_again)


@planted(Rule.LIVENESS, Rule.CHILD_TOLD)
def send_no_message_again(patch: pytest.MonkeyPatch) -> None:
    """A message to another run is sent, and nowhere written down: what gets lost on the way is lost for ever."""
    carry_out = Batch._carry_out

    def carry_out_lightly(self: Batch, shard: Any, state: MutableState, draft: Any, effect: Any) -> None:
        carry_out(self, shard, state, draft, effect)
        if isinstance(effect, Send):
            self.settle(shard, state.run_id, effect.event_id)

    patch.setattr(Batch, "_carry_out", carry_out_lightly)


@planted(Rule.PARENT_CLOSED, Rule.LEFT_BEHIND, seed=7)
def forget_the_children_of_a_closed_parent(patch: pytest.MonkeyPatch) -> None:
    """Nobody tells the children of a run that it is over."""
    patch.setattr(child, "follow_close", lambda state, completed_event_id, transition, successor=None: None)
