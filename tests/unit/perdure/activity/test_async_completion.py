"""Leaving an activity; what a worker makes of it is in `tests/integration/activities`."""

from __future__ import annotations

import pytest

from perdure import activity
from perdure.activity.async_completion import CompleteAsync
from perdure.activity.context import current_context
from perdure.activity.shared_flag import SharedFlag
from perdure.worker.process_call import ProcessContext


def test_only_an_activity_leaves_itself() -> None:
    with pytest.raises(RuntimeError, match="works only inside an activity"):
        activity.raise_complete_async()


def test_no_handler_of_ordinary_errors_stops_it() -> None:
    token = current_context.set(ProcessContext(SharedFlag(), lambda details: None))
    try:
        with pytest.raises(CompleteAsync):
            activity.raise_complete_async()
    finally:
        current_context.reset(token)
    assert not issubclass(CompleteAsync, Exception)
