"""The large values of commands, on their way out of a workflow task.

Rule: what the run itself is to keep is cut, or the run that follows it, which gets a copy. What goes to another
workflow goes whole: that could not read it here.
"""

from __future__ import annotations

from collections.abc import Sequence
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

COMMANDS_BYTES_MAX = 50 * 1024 * 1024
"""Bytes of values that one workflow task may lead to: as much as a whole history may hold."""

_VALUES: dict[type[Any], int] = {
    cls: cls._fields.index(field)
    for cls, field in (
        (ScheduleActivityTask, "input"),
        (CompleteWorkflowExecution, "result"),
        (RecordMarker, "details"),
        (ContinueAsNewWorkflowExecution, "input"),
    )
}


_ELSEWHERE: dict[type[Any], int] = {
    cls: cls._fields.index(field) for cls, field in ((StartChildWorkflowExecution, "input"),)
}
"""What goes to another workflow."""

_COUNTED = _VALUES | _ELSEWHERE


def values_size(commands: Sequence[Command]) -> int:
    """Bytes of the values that may be large."""
    size = 0
    for command in commands:
        place = _COUNTED.get(type(command))
        if place is not None:
            size += len(command[place])  # type: ignore[arg-type]  # a field of bytes
    return size


def cut_values(commands: list[Command], above: int, parcel: Parcel, *, has_parent: bool = False) -> None:
    """Put references in place of the values that are larger than `above`. `has_parent`: the result goes to another
    workflow."""
    row: Any
    for index, row in enumerate(commands):
        place = _VALUES.get(type(row))
        if place is not None and not (has_parent and type(row) is CompleteWorkflowExecution):
            value = row[place]
            if len(value) > above:
                commands[index] = row._replace(**{row._fields[place]: parcel.refer(value)})


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
