"""What activity code may ask, when it is one and when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import activity
from perdure.activity.context import ActivityContext, current_context
from perdure.activity.shared_flag import SharedFlag
from perdure.converter import PayloadConverter


class Beats(list[Any]):
    """The details of each heartbeat."""


@pytest.fixture
def beats() -> Beats:
    return Beats()


class Attempt(ActivityContext):
    """An attempt that tells what it is asked."""

    def __init__(self, beats: Beats) -> None:
        super().__init__(SharedFlag(), PayloadConverter.default)
        self._beats = beats

    def make_info(self) -> Any:
        return "the info"

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        self._beats.append(details)


@pytest.fixture
def context(beats: Beats) -> Iterator[ActivityContext]:
    made = Attempt(beats)
    token = current_context.set(made)
    yield made
    current_context.reset(token)


@pytest.mark.usefixtures("context")
def test_inside(beats: Beats) -> None:
    assert activity.in_activity()
    assert activity.info() == "the info"  # type: ignore[comparison-overlap]
    activity.heartbeat(1, "a")
    assert beats == [(1, "a")]
    assert not activity.is_cancelled()
    assert not activity.is_worker_shutdown()
    assert activity.cancellation_details() is None
    assert activity.payload_converter() is PayloadConverter.default
    with activity.shield_thread_cancel_exception():
        assert activity.in_activity()


async def test_waiting(context: ActivityContext) -> None:
    activity.wait_for_cancelled_sync(0.001)
    activity.wait_for_worker_shutdown_sync(0.001)
    waiting = [
        asyncio.create_task(activity.wait_for_cancelled()),
        asyncio.create_task(activity.wait_for_worker_shutdown()),
    ]
    await asyncio.sleep(0)
    context.cancelled.set()
    context.worker_shutdown.set()
    await asyncio.gather(*waiting)
    assert activity.is_cancelled()
    assert activity.is_worker_shutdown()


def test_outside() -> None:
    assert not activity.in_activity()
    with pytest.raises(RuntimeError, match="only inside an activity"):
        activity.info()
