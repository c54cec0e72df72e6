"""Requests of workers: what an older one leaves out has a default."""

from __future__ import annotations

from perdure.protocol.codec import pack, unpack
from perdure.protocol.commands import COMMANDS, StartTimer
from perdure.protocol.requests import REQUESTS, RequestType
from perdure.protocol.task_requests import RespondWorkflowTaskCompleted


def test_a_completion_of_before_sizes_is_read() -> None:
    commands = (COMMANDS.numbered(StartTimer("t", 1_000)),)
    fields = ("run", 2, 1, 5, commands, "me", "sticky", b"stream", b"1-0")
    decoded = REQUESTS.decode(int(RequestType.RESPOND_WORKFLOW_TASK_COMPLETED), unpack(pack(fields)))
    assert isinstance(decoded, RespondWorkflowTaskCompleted)
    assert decoded.commands == (StartTimer("t", 1_000),)
    assert decoded.history_size_bytes == 0
