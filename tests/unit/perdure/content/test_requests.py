"""What a client sends: large values go as references, with all their content beside."""

from __future__ import annotations

import random
from typing import Any

import pytest

from perdure.content.requests import cut_request
from perdure.content.sending import CUT_ABOVE_BYTES
from perdure.exceptions import PayloadSizeError
from perdure.protocol.content import BLOCK_BYTES_MAX, hashes_of, is_reference
from perdure.protocol.requests import DescribeWorkflow, SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure.protocol.updates import UpdateWorkflow

REQUESTS = (
    StartWorkflow("default", "w", "flow", "q", b"", "r", "me"),
    SignalWorkflow("default", "w", "", "s", b"", "r", "me"),
    UpdateWorkflow("default", "w", "", "u", "change", b"", "me", 3),
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


def test_what_a_start_brings_along_is_cut_with_it() -> None:
    start, signal, update = REQUESTS
    data = random.Random(1).randbytes(CUT_ABOVE_BYTES + 1)
    for along in ({"signal": signal._replace(input=data)}, {"update": update._replace(input=data)}):
        whole: Any = StartWorkflowWith("default", "w", start._replace(input=data), **along)
        changed, block = cut_request(whole)
        assert block is not None
        assert len(block.pieces) == len(hashes_of(changed.start.input)), "what both have in common travels once"
        assert is_reference((changed.signal or changed.update).input)
    small = StartWorkflowWith("default", "w", start, signal)
    assert cut_request(small) == (small, None)


@pytest.mark.parametrize(
    ("request_", "whose"),
    list(zip(REQUESTS, ("workflow 'flow'", "signal 's'", "update 'change'"), strict=True)),
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_what_is_too_large(request_: Any, whose: str) -> None:
    data = random.Random(1).randbytes(BLOCK_BYTES_MAX + 1)
    with pytest.raises(PayloadSizeError, match=f"the arguments of {whose} take"):
        cut_request(request_._replace(input=data))
