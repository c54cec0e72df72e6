"""Requests about activities without a workflow; their bytes are in the golden files."""

from __future__ import annotations

import pytest

from perdure.protocol.activity_executions import ActivityOptions, decode_options
from perdure.protocol.codec import DecodeError
from perdure.protocol.ids import FIRST_EXECUTION, activity_execution_id, activity_run_id, execution_number, is_run_id
from perdure.protocol.retry import RetryPolicyData


def test_options_are_decoded_once() -> None:
    fields = (0, 0, 5_000, 0, (1_000, 2.0, 0, 3, ("E",)), 2)
    first = decode_options(fields)
    assert first == ActivityOptions(0, 0, 5_000, 0, RetryPolicyData(1_000, 2.0, 0, 3, ("E",)), 2)
    assert decode_options(fields) is first


@pytest.mark.parametrize("fields", [({},), ("no",), 5, (1, 2, 3, 4, (1, {}))])
def test_what_are_no_options(fields: object) -> None:
    with pytest.raises(DecodeError):
        decode_options(fields)


def test_a_run_id_holds_its_number_and_belongs_to_its_activity_id() -> None:
    mine, others = activity_execution_id("default", "a"), activity_execution_id("other", "a")
    for number in (FIRST_EXECUTION, 1_800_000_000_000):
        run_id = activity_run_id(mine, number)
        assert is_run_id(run_id)
        assert execution_number(mine, run_id) == number
        assert execution_number(others, run_id) is None
    assert execution_number(mine, mine) is None
    assert execution_number(mine, "no") is None
