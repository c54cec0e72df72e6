"""Results as a handle gives them; what it asks is tried in `test_standalone`."""

from __future__ import annotations

import pytest

from perdure.client import ActivityFailureError
from perdure.client.standalone_handle import result_of
from perdure.converter import DataConverter
from perdure.exceptions import TimeoutError
from perdure.protocol.failure import Failure, TimeoutInfo
from perdure.protocol.replies import ExecutionStatus, Outcome

CONVERTER = DataConverter.default


def test_a_result_is_converted() -> None:
    outcome = Outcome("r", ExecutionStatus.COMPLETED, CONVERTER.to_bytes((5,)))
    assert result_of(outcome, CONVERTER, int) == 5
    assert result_of(outcome._replace(result=b""), CONVERTER, None) is None


def test_everything_else_raises_its_cause() -> None:
    late = Outcome("r", ExecutionStatus.TIMED_OUT, b"", Failure.of("late", TimeoutInfo()))
    with pytest.raises(ActivityFailureError, match="late") as caught:
        result_of(late, CONVERTER, None)
    assert isinstance(caught.value.cause, TimeoutError)
    with pytest.raises(ActivityFailureError, match="closed with status 3"):
        result_of(Outcome("r", ExecutionStatus.FAILED), CONVERTER, None)
