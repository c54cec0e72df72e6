"""The logger of activities."""

from __future__ import annotations

import logging

import pytest

from perdure import activity
from perdure.activity.context import current_context
from perdure.activity.shared_flag import SharedFlag
from perdure.worker.process_call import ProcessContext
from tests.unit.perdure.activity.test_information import INFO


def test_it_says_which_attempt_speaks(caplog: pytest.LogCaptureFixture) -> None:
    token = current_context.set(ProcessContext(SharedFlag(), lambda details: None, INFO))
    adapter = activity.LoggerAdapter(logging.getLogger("test.activity"), {"own": 1})
    adapter.full_activity_info_on_extra = True
    try:
        with caplog.at_level(logging.INFO):
            adapter.info("charging %s", 5, extra={"more": 2})
    finally:
        current_context.reset(token)
    (record,) = caplog.records
    assert record.getMessage().startswith("charging 5 ({'activity_id': '1'")
    told = vars(record)
    assert told["temporal_activity"]["attempt"] == 2
    assert (told["own"], told["more"], told["activity_info"]) == (1, 2, INFO)
    assert adapter.base_logger.name == "test.activity"


def test_outside_it_just_speaks(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        activity.logger.warning("hello")
    assert caplog.records[0].getMessage() == "hello"
