"""A process that runs activities: what reaches it, and what it does when nobody wants it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import activity
from perdure.activity.information import ActivityCancellationDetails
from perdure.exceptions import CancelledError
from perdure.worker.activity_process import ActivityProcess, ProcessDied
from perdure.worker.process_call import outcome_of, pack_call
from tests.unit.perdure.activity.test_information import INFO
from tests.waiting import wait_until_blocking

CONTEXT = multiprocessing.get_context()


def add(one: int, other: int) -> int:
    return one + other


def beat_often(count: int) -> str:
    for number in range(count):
        activity.heartbeat("step", number)
    return activity.info().activity_id


def wait_to_be_stopped() -> list[Any]:
    activity.heartbeat("begun")
    try:
        while True:
            activity.wait_for_cancelled_sync(0.01)
    except CancelledError:
        return [activity.is_cancelled(), activity.cancellation_details()]


def wait_politely() -> bool:
    activity.heartbeat("begun")
    activity.wait_for_cancelled_sync(30)
    return activity.is_cancelled()


def wait_for_shutdown() -> bool:
    activity.heartbeat("begun")
    activity.wait_for_worker_shutdown_sync(30)
    return activity.is_worker_shutdown()


def die(status: int) -> None:
    os._exit(status)


@pytest.fixture
def process() -> Iterator[ActivityProcess]:
    made = ActivityProcess(CONTEXT, None, (), worker_stops=False)
    yield made
    made.close()


def call(process: ActivityProcess, function: Any, *arguments: Any, beats: list[Any] | None = None, **how: Any) -> Any:
    seen = beats if beats is not None else []
    return outcome_of(process.run(process.calls + 1, pack_call(function, arguments, INFO, **how), seen.append))


def called_meanwhile(process: ActivityProcess, function: Any, **how: Any) -> tuple[threading.Thread, list[Any]]:
    """A call in another thread, once it has begun there; the list will hold what came of it."""
    beats: list[Any] = []
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call(process, function, beats=beats, **how))
        except ProcessDied as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until_blocking(lambda: beats, what="the activity to begin")
    return thread, results


def test_one_call_after_another(process: ActivityProcess) -> None:
    assert [call(process, add, number, 1) for number in range(3)] == [1, 2, 3]


def test_the_first_and_the_last_of_many_heartbeats_arrive(process: ActivityProcess) -> None:
    beats: list[Any] = []
    assert call(process, beat_often, 10_000, beats=beats) == INFO.activity_id
    assert beats[0] == ("step", 0)
    assert beats[-1] == ("step", 9_999)
    assert len(beats) < 1_000


def test_a_cancellation_is_raised_with_its_reason(process: ActivityProcess) -> None:
    thread, results = called_meanwhile(process, wait_to_be_stopped)
    details = ActivityCancellationDetails(cancel_requested=True)
    process.stop(1, details)
    thread.join(10)
    assert results == [[True, details]]


def test_a_cancellation_is_not_raised_where_it_must_not(process: ActivityProcess) -> None:
    thread, results = called_meanwhile(process, wait_politely, raises=False)
    process.stop(1, None)
    thread.join(10)
    assert results == [True]


def test_a_cancellation_may_overtake_its_call_but_reaches_no_other(process: ActivityProcess) -> None:
    details = ActivityCancellationDetails(timed_out=True)
    process.stop(2, details)
    assert call(process, add, 1, 1) == 2
    try:
        assert call(process, wait_to_be_stopped) == [True, details]
    except CancelledError as error:  # the word was there first
        assert str(error) == "Cancelled before it began"  # noqa: PT017
    process.stop(2, None)
    assert call(process, add, 1, 1) == 2


def test_it_hears_of_the_shutdown_whenever_it_was_made(process: ActivityProcess) -> None:
    thread, results = called_meanwhile(process, wait_for_shutdown)
    process.worker_stops()
    thread.join(10)
    late = ActivityProcess(CONTEXT, None, (), worker_stops=True)
    assert [*results, call(late, wait_for_shutdown)] == [True, True]
    late.close()


def test_one_that_dies_says_how(process: ActivityProcess) -> None:
    with pytest.raises(ProcessDied, match=r"ran this activity died \(exit code 3\)"):
        call(process, die, 3)
    with pytest.raises(ProcessDied):
        call(process, add, 1, 1)


def test_one_that_is_killed_is_gone_whatever_it_does(process: ActivityProcess) -> None:
    thread, results = called_meanwhile(process, wait_politely, raises=False)
    process.kill()
    thread.join(10)
    assert process.is_killed
    assert "exit code -9" in str(results[0])
