"""Starts and what they bring along, as one request."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.requests import REQUESTS, RequestType
from perdure.protocol.start_requests import SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure.protocol.updates import UpdateStage, UpdateWorkflow

START = StartWorkflow("default", "w", "Order", "q", b"input", "r", "me")
SIGNAL = SignalWorkflow("default", "w", "", "go", b"", "r", "me")
UPDATE = UpdateWorkflow("default", "w", "", "u1", "add", b"", "me", int(UpdateStage.COMPLETED))


@pytest.mark.parametrize(("signal", "update"), [(SIGNAL, None), (None, UPDATE), (SIGNAL, UPDATE)])
def test_both_parts_survive(signal: SignalWorkflow | None, update: UpdateWorkflow | None) -> None:
    request = StartWorkflowWith("default", "w", START, signal, update)
    assert REQUESTS.decode(int(RequestType.START_WORKFLOW_WITH), unpack(pack(request))) == request


def test_a_part_that_is_malformed_is_named() -> None:
    with pytest.raises(DecodeError, match="StartWorkflow: 1 fields, at least 7 are required"):
        REQUESTS.decode(int(RequestType.START_WORKFLOW_WITH), ("default", "w", ("default",)))
