"""What a run says about itself: its memo, and the search attributes that it is found by.

Both begin as the start gave them and are changed by commands. The state holds them as they are now, packed.
"""

from __future__ import annotations

from perdure.protocol.codec import DecodeError
from perdure.protocol.commands import ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.events import PropertiesAtClose, UpsertWorkflowSearchAttributes, WorkflowPropertiesModified
from perdure.protocol.memo import memo_problem, merged_memo, unpack_memo
from perdure.protocol.search_attributes import (
    merged_search_attributes,
    search_attributes_problem,
    unpack_search_attributes,
)
from perdure_engine.core.ledger import annotate, emit
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Relist, Transition


def given_problem(memo: bytes, search_attributes: bytes) -> str | None:
    """What is wrong with the memo and search attributes of a new run, or None."""
    problem = memo_problem(memo)
    try:
        if memo and problem is None:
            unpack_memo(memo)
        if search_attributes and problem is None:
            problem = search_attributes_problem(unpack_search_attributes(search_attributes))
    except DecodeError as error:
        return f"the memo or the search attributes cannot be read: {error}"
    return problem


class Pending:
    """Memo and search attributes after the commands of one completion that were checked so far."""

    __slots__ = ("memo", "search_attributes")

    def __init__(self, state: MutableState) -> None:
        self.memo = state.memo
        self.search_attributes = state.search_attributes

    def problem(self, command: UpsertSearchAttributes | ModifyWorkflowProperties) -> str | None:
        """What is wrong with one command, after those before it."""
        try:
            if isinstance(command, ModifyWorkflowProperties):
                self.memo = merged_memo(self.memo, command.upserted_memo)
                return memo_problem(self.memo)
            problem = search_attributes_problem(unpack_search_attributes(command.search_attributes))
            if problem is None:
                self.search_attributes = merged_search_attributes(self.search_attributes, command.search_attributes)
                problem = search_attributes_problem(unpack_search_attributes(self.search_attributes))
        except DecodeError as error:
            return str(error)
        return problem


def modify(
    state: MutableState,
    command: UpsertSearchAttributes | ModifyWorkflowProperties,
    completed_event_id: int,
    now_us: int,
    transition: Transition,
) -> None:
    """Carry out one checked command."""
    if isinstance(command, UpsertSearchAttributes):
        emit(state, transition, now_us, UpsertWorkflowSearchAttributes(completed_event_id, command.search_attributes))
    else:
        emit(state, transition, now_us, WorkflowPropertiesModified(completed_event_id, command.upserted_memo))
    transition.effects.append(Relist())


def keep_at_close(state: MutableState, now_us: int, transition: Transition) -> None:
    """Before the closing event: note what the run has made of its memo and its search attributes, so that describing a
    closed run need not read all of its history."""
    started = state.started
    if state.memo != started.memo or state.search_attributes != started.search_attributes:
        annotate(state, transition, now_us, PropertiesAtClose(state.memo, state.search_attributes))
