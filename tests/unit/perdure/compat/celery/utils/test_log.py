"""`get_task_logger`: records say which task wrote them."""

from __future__ import annotations

import pytest

from perdure.compat.celery import Celery
from perdure.compat.celery.utils.log import get_logger, get_task_logger


def test_records_of_a_task_name_it(caplog: pytest.LogCaptureFixture) -> None:
    app, logger = Celery("logs", set_as_current=False), get_task_logger("tests.logs")
    assert get_task_logger("tests.logs") is logger
    assert len(logger.filters) == 1
    assert get_logger("tests.logs") is logger

    @app.task
    def speak() -> None:
        logger.warning("inside")

    logger.warning("outside")
    speak.apply(task_id="one")
    seen = [(record.message, record.__dict__["task_name"], record.__dict__["task_id"]) for record in caplog.records]
    assert seen == [("outside", "???", "???"), ("inside", speak.name, "one")]
