"""The large values of commands: cut where the run keeps them, refused where no history could hold them."""

from __future__ import annotations

import pytest

from perdure.content.sending import Parcel
from perdure.exceptions import WorkflowTaskError
from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import (
    Command,
    CompleteWorkflowExecution,
    RecordMarker,
    ScheduleActivityTask,
    StartTimer,
)
from perdure.protocol.content import is_reference
from perdure.protocol.external_workflow import SignalExternalWorkflowExecution
from perdure.protocol.updates import ProtocolMessage, UpdateDelivery, UpdateMessageKind
from perdure.worker.command_content import COMMANDS_BYTES_MAX, check_size, cut_size, cut_values, values_size
from tests.unit.perdure.content.test_cutting import conversation

DATA = conversation(20)


def activity(data: bytes) -> ScheduleActivityTask:
    return ScheduleActivityTask("1", "call", "", data, 0, 0, 1, 0, None)


def test_large_values_are_replaced_by_references() -> None:
    small = [activity(b"x" * 100), StartTimer("1", 5), CompleteWorkflowExecution(b"done")]
    commands: list[Command] = [activity(DATA), RecordMarker("m", DATA), *small, CompleteWorkflowExecution(DATA)]
    assert values_size(commands) == 3 * len(DATA) + 104
    parcel = Parcel()
    cut_values(commands, 8_192, parcel)
    first, marker, *rest, last = commands
    assert isinstance(first, ScheduleActivityTask)
    assert isinstance(marker, RecordMarker)
    assert isinstance(last, CompleteWorkflowExecution)
    assert is_reference(first.input)
    assert first.input == marker.details == last.result
    assert first._replace(input=b"") == activity(b"")
    assert rest == small
    assert values_size(commands) < 10_000


def test_what_goes_to_other_workflows_is_cut_and_the_same_for_many_only_once() -> None:
    child = StartChildWorkflowExecution("kid", "Kid", "", DATA)
    signal = SignalExternalWorkflowExecution("other", "", "poke", bytes(DATA))
    commands: list[Command] = [child, child._replace(workflow_id="another"), signal, activity(b"x" * 100)]
    assert values_size(commands) == 3 * len(DATA) + 100
    assert cut_size(commands, 8_192) == len(DATA) + 100
    assert cut_size(commands, len(DATA)) == values_size(commands)
    parcel = Parcel()
    cut_values(commands, 8_192, parcel)
    assert len({command.input for command in commands[:3]}) == 1
    assert is_reference(commands[0].input)
    assert b"".join(parcel.content.values()) in DATA


def test_updates_are_cut_in_what_they_were_given_and_in_what_they_answer() -> None:
    delivery = UpdateDelivery("u", "change", DATA, "me")
    accepted = ProtocolMessage("u", UpdateMessageKind.ACCEPTANCE, delivery)
    answered = ProtocolMessage("u", UpdateMessageKind.RESPONSE, result=DATA)
    commands: list[Command] = [accepted, answered]
    assert values_size(commands) == 2 * len(DATA)
    cut_values(commands, 8_192, Parcel())
    first, second = commands
    assert isinstance(first, ProtocolMessage)
    assert isinstance(second, ProtocolMessage)
    assert first.delivery is not None
    assert is_reference(first.delivery.input)
    assert first.delivery.input == second.result
    assert first._replace(delivery=delivery) == accepted


def test_more_than_a_history_holds_is_refused() -> None:
    check_size(COMMANDS_BYTES_MAX)
    with pytest.raises(WorkflowTaskError, match="takes 52428801 bytes of arguments; the limit is 52428800"):
        check_size(COMMANDS_BYTES_MAX + 1)
