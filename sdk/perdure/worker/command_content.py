"""The large values of commands, on their way out of a workflow task.

Rule: what is cut the run itself keeps; the run that follows it, and those of other workflows to which it goes, get a
copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from perdure.content.sending import Parcel
from perdure.exceptions import WorkflowTaskError
from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import (
    Command,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    RecordMarker,
    ScheduleActivityTask,
)
from perdure.protocol.external_workflow import SignalExternalWorkflowExecution
from perdure.protocol.updates import ProtocolMessage

COMMANDS_BYTES_MAX = 50 * 1024 * 1024
"""Bytes of values that one workflow task may lead to: as much as a whole history may hold."""

_VALUES: dict[type[Any], int] = {
    cls: cls._fields.index(field)
    for cls, field in (
        (ScheduleActivityTask, "input"),
        (CompleteWorkflowExecution, "result"),
        (RecordMarker, "details"),
        (ContinueAsNewWorkflowExecution, "input"),
        (StartChildWorkflowExecution, "input"),
        (SignalExternalWorkflowExecution, "input"),
        (ProtocolMessage, "result"),
    )
}


def values_size(commands: Sequence[Command]) -> int:
    """Bytes of the values that may be large."""
    return sum(map(len, _values(commands)))


def cut_size(commands: Sequence[Command], above: int) -> int:
    """The same before they are cut, where those that will be, and are equal, count once."""
    large: dict[bytes, int] = {}
    size = 0
    for value in _values(commands):
        if len(value) > above:
            large[value] = len(value)
        else:
            size += len(value)
    return size + sum(large.values())


def _values(commands: Sequence[Command]) -> Iterator[bytes]:
    for command in commands:
        place = _VALUES.get(type(command))
        if place is not None:
            yield command[place]  # type: ignore[misc]  # a field of bytes
            if type(command) is ProtocolMessage and command.delivery is not None:
                yield command.delivery.input


def cut_values(commands: list[Command], above: int, parcel: Parcel) -> None:
    """Put references in place of the values that are larger than `above`."""
    row: Any
    for index, row in enumerate(commands):
        place = _VALUES.get(type(row))
        if place is not None:
            value = row[place]
            if len(value) > above:
                commands[index] = row._replace(**{row._fields[place]: parcel.refer(value)})
            elif type(row) is ProtocolMessage and row.delivery is not None and len(row.delivery.input) > above:
                given = row.delivery._replace(input=parcel.refer(row.delivery.input))
                commands[index] = row._replace(delivery=given)


def check_size(size: int) -> None:
    """Refuse what no history could hold, before it is in the way of all else that this worker sends.

    Raises:
        WorkflowTaskError: says how much it is.
    """
    if size > COMMANDS_BYTES_MAX:
        raise WorkflowTaskError(
            f"what the workflow asked for at once takes {size} bytes of arguments; the limit is {COMMANDS_BYTES_MAX}: "
            "store the data elsewhere and pass references, or start fewer activities at once"
        )
