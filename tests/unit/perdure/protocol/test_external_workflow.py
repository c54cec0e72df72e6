"""Commands and events by which a workflow reaches others."""

from __future__ import annotations

from perdure.protocol.codec import pack, unpack
from perdure.protocol.commands import COMMANDS
from perdure.protocol.external_workflow import (
    EXTERNAL_EVENTS,
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)


def test_commands_survive() -> None:
    for command in (
        SignalExternalWorkflowExecution("w", "", "poke", b"in", child_initiated_event_id=5),
        RequestCancelExternalWorkflowExecution("w", "r", "why"),
    ):
        assert COMMANDS.decode(*unpack(pack(COMMANDS.numbered(command)))) == command


def test_every_event_names_the_other_workflow() -> None:
    for cls in EXTERNAL_EVENTS.values():
        assert {"namespace", "workflow_id", "run_id"} <= set(cls._fields)
