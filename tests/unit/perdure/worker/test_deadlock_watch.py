"""Workflow code that does not give the thread back."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from perdure import workflow
from perdure.worker.deadlock_watch import DeadlockWatch
from tests.waiting import wait_until_blocking
from tests.workflow_story import Story


@workflow.defn
async def stuck() -> None: ...


def _spin(caplog: pytest.LogCaptureFixture) -> None:
    wait_until_blocking(lambda: "stands here" in caplog.text, what="a report", timeout_seconds=10)


def test_it_is_reported_once_with_the_stack(caplog: pytest.LogCaptureFixture) -> None:
    watch = DeadlockWatch(0.05)
    watch.start()
    with caplog.at_level(logging.ERROR):
        watch.running = Story(stuck).instance
        _spin(caplog)
        watch.running = None
    watch.stop()
    (record,) = caplog.records
    assert "Workflow 'stuck' (id 'wf'" in record.getMessage()
    assert "in _spin" in record.getMessage()


def test_progress_and_rest_are_no_deadlock(caplog: pytest.LogCaptureFixture) -> None:
    watch = DeadlockWatch(0.04)
    instance = Story(stuck).instance
    watch.start()
    looks: list[Any] = []

    def look() -> bool:
        instance.history_length += 1
        watch.running = instance if len(looks) % 5 else None
        looks.append(1)
        return len(looks) > 10

    wait_until_blocking(look, what="some looks")
    watch.stop()
    assert not caplog.records


def test_without_a_limit_there_is_no_watch() -> None:
    watch = DeadlockWatch(0)
    watch.start()
    watch.stop()
    assert watch.thread_id == 0
