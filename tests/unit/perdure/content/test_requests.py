"""What a client sends: large values go as references, with all their content beside."""

from __future__ import annotations

import random
from typing import Any

import pytest

from perdure.content.requests import cut_request
from perdure.content.sending import CUT_ABOVE_BYTES
from perdure.exceptions import PayloadSizeError
from perdure.protocol.content import BLOCK_BYTES_MAX, hashes_of, is_reference
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.requests import DescribeWorkflow, SignalWorkflow, StartWorkflow, StartWorkflowWith

REQUESTS = (
    StartWorkflow("default", "w", "flow", "q", b"", "r", "me"),
    SignalWorkflow("default", "w", "", "s", b"", "r", "me"),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_large_input_is_cut(request_: Any) -> None:
    data = random.Random(1).randbytes(CUT_ABOVE_BYTES + 1)
    changed, block = cut_request(request_._replace(input=data))
    assert block is not None
    assert is_reference(changed.input)
    assert hashes_of(changed.input) == [name for name, _ in block.pieces]
    assert changed._replace(input=b"") == request_


@pytest.mark.parametrize("request_", [*REQUESTS, DescribeWorkflow("default", "w", "")])
def test_the_rest_goes_as_it_is(request_: Any) -> None:
    assert cut_request(request_) == (request_, None)


def test_too_much_is_refused_at_once() -> None:
    data = random.Random(1).randbytes(BLOCK_BYTES_MAX + 1)
    with pytest.raises(PayloadSizeError):
        cut_request(REQUESTS[0]._replace(input=data))
    changed, block = cut_request(REQUESTS[0]._replace(input=b"0" * 2 * BLOCK_BYTES_MAX))
    assert is_reference(changed.input)
    assert block is not None


def test_a_start_that_brings_something_along_goes_whole() -> None:
    start = REQUESTS[0]
    assert isinstance(start, StartWorkflow)
    assert cut_request(StartWorkflowWith("default", "w", start._replace(input=bytes(PAYLOAD_SIZE_MAX))))[1] is None
    with pytest.raises(PayloadSizeError, match="the arguments of workflow 'flow' take 2,097,153 bytes"):
        cut_request(StartWorkflowWith("default", "w", start._replace(input=bytes(PAYLOAD_SIZE_MAX + 1))))
