"""Calls as bytes, and what comes back of them."""

from __future__ import annotations

import pickle

import pytest

from perdure import activity
from perdure.activity.context import current_context
from perdure.worker.process_call import outcome_of, pack_call, run_call
from tests.unit.perdure.activity.test_information import INFO


def test_the_context_of_a_call_ends_with_the_activity() -> None:
    assert outcome_of(run_call(pack_call(activity.info, (), INFO))) == INFO
    assert current_context.get() is None


def test_an_executor_that_is_no_pool_of_processes_takes_no_heartbeats() -> None:
    with pytest.raises(RuntimeError, match="does not reach the worker from this executor") as caught:
        outcome_of(run_call(pack_call(activity.heartbeat, (1,), INFO)))
    assert "in heartbeat" in str(caught.value.__cause__)


def test_what_is_no_call_is_an_outcome_too() -> None:
    with pytest.raises(pickle.UnpicklingError):
        outcome_of(run_call(b"nonsense"))
