"""Bugs of updates: what their senders are told too early, and what is forgotten after they were told."""

from __future__ import annotations

import pytest

from perdure.protocol.updates import ProtocolMessage, UpdateMessageKind, UpdateStage
from perdure_engine.core import update
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Transition, UpdateReached
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.UPDATE_KEPT, Rule.TASK_KEPT)
def drop_an_update_after_its_acceptance(patch: pytest.MonkeyPatch) -> None:
    """Its sender is told that an update is accepted, and no event says so."""
    carry_out, find_problem = update.carry_out, update.message_problem

    def drop(
        state: MutableState, message: ProtocolMessage, completed_event_id: int, now_us: int, transition: Transition
    ) -> None:
        if message.kind == UpdateMessageKind.ACCEPTANCE:
            state.admitted.pop(message.update_id, None)
            transition.effects.append(UpdateReached(message.update_id, UpdateStage.ACCEPTED))
        elif message.kind == UpdateMessageKind.REJECTION:
            carry_out(state, message, completed_event_id, now_us, transition)

    def overlook(state: MutableState, message: ProtocolMessage, accepted: dict[str, int]) -> str | None:
        return None if message.kind == UpdateMessageKind.RESPONSE else find_problem(state, message, accepted)

    patch.setattr(update, "carry_out", drop)
    patch.setattr(update, "message_problem", overlook)


@planted(Rule.UPDATE_KEPT)
def call_an_update_accepted_that_is_admitted(patch: pytest.MonkeyPatch) -> None:
    """Its sender is told that an update is accepted before the workflow has seen it."""
    tell = update._tell

    def tell_early(state: MutableState, stage: UpdateStage, wanted: int, transition: Transition) -> None:
        tell(state, UpdateStage.ACCEPTED if stage == UpdateStage.ADMITTED else stage, wanted, transition)

    patch.setattr(update, "_tell", tell_early)
