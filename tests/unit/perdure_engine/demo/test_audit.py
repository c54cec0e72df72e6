"""The audit reads histories as they are: what closed, on which attempt, how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from perdure.client import WorkflowHandle
from perdure.protocol.events import ActivityTaskCompleted, ActivityTaskStarted, EventType, HistoryEvent
from perdure_engine.demo.audit import Recorded, read_histories


class _Recording:
    """A handle of which only the history is asked."""

    def __init__(self, *events: HistoryEvent) -> None:
        self._events = events

    async def fetch_history_events(self) -> AsyncIterator[HistoryEvent]:
        for event in self._events:
            yield event


def _activity(scheduled: int, attempt: int, *, closings: int = 1) -> list[HistoryEvent]:
    started = ActivityTaskStarted(scheduled, "worker", attempt)
    events = [HistoryEvent(scheduled + 1, 0, EventType.ACTIVITY_TASK_STARTED, started)]
    for number in range(closings):
        completed = ActivityTaskCompleted(b"", scheduled, scheduled + 1)
        events.append(HistoryEvent(scheduled + 2 + number, 0, EventType.ACTIVITY_TASK_COMPLETED, completed))
    return events


def _handle(*events: HistoryEvent) -> WorkflowHandle[Any, Any]:
    return cast("WorkflowHandle[Any, Any]", _Recording(*events))


async def test_attempts_beyond_the_first_are_retries() -> None:
    handles = [_handle(*_activity(5, 1), *_activity(10, 3)), _handle(*_activity(5, 2))]
    assert await read_histories(handles) == Recorded(runs=2, activities=3, retries=3, twice=0)


async def test_a_second_closing_is_noticed() -> None:
    recorded = await read_histories([_handle(*_activity(5, 1, closings=2))])
    assert recorded == Recorded(runs=1, activities=1, retries=0, twice=1)
