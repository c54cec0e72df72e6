"""A process that runs activities: what reaches it, and what it does when nobody wants it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from typing import Any

import pytest

from perdure import activity
from perdure.activity.information import ActivityCancellationDetails
from perdure.exceptions import CancelledError
from perdure.worker.activity_process import ProcessDied, start_process
from tests.unit.perdure.activity.test_information import INFO
from tests.unit.perdure.worker.process_stage import SETUP, Called, Owner, begin, call, process_of, until


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


def length(data: bytes) -> bytes:
    return data + b"!"


def die(status: int) -> None:
    os._exit(status)


async def test_one_call_after_another_and_many_at_once() -> None:
    owner = Owner()
    async with process_of(owner) as process:
        assert [await call(process, add, number, 1) for number in range(3)] == [1, 2, 3]
        many = [Called(add, number, 1) for number in range(500)]
        for one in many:
            one.give_to(process)
        assert [one.has_begun for one in many].count(True) == 1
        process.flush()
        assert [await one.result() for one in many] == list(range(1, 501))
        assert len(owner.seconds) == 503
        assert not process.in_flight


async def test_what_is_larger_than_a_socket_holds_goes_both_ways() -> None:
    async with process_of(Owner()) as process:
        data = os.urandom(3_000_000)
        assert await call(process, length, data) == data + b"!"


async def test_the_first_and_the_last_of_many_heartbeats_arrive() -> None:
    async with process_of(Owner()) as process:
        made = Called(beat_often, 10_000)
        made.give_to(process)
        process.flush()
        assert await made.result() == INFO.activity_id
        assert made.beats[0] == ("step", 0)
        assert made.beats[-1] == ("step", 9_999)
        assert len(made.beats) < 1_000


async def test_a_cancellation_is_raised_with_its_reason() -> None:
    async with process_of(Owner()) as process:
        made = await begin(process, wait_to_be_stopped)
        details = ActivityCancellationDetails(cancel_requested=True)
        process.stop(1, details)
        assert await made.result() == [True, details]


async def test_a_cancellation_is_not_raised_where_it_must_not() -> None:
    async with process_of(Owner()) as process:
        made = await begin(process, wait_politely, raises=False)
        process.stop(1, None)
        assert await made.result() is True


async def test_a_cancellation_may_overtake_its_call_but_reaches_no_other() -> None:
    async with process_of(Owner()) as process:
        details = ActivityCancellationDetails(timed_out=True)
        process.stop(2, details)
        assert await call(process, add, 1, 1) == 2
        try:
            assert await call(process, wait_to_be_stopped) == [True, details]
        except CancelledError as error:  # the word was there first
            assert str(error) == "Cancelled before it began"  # noqa: PT017
        process.stop(2, None)
        assert await call(process, add, 1, 1) == 2


async def test_it_hears_of_the_shutdown() -> None:
    async with process_of(Owner()) as process:
        made = await begin(process, wait_for_shutdown)
        process.worker_stops()
        assert await made.result() is True


async def test_what_waits_behind_a_long_call_is_given_back_in_its_order() -> None:
    owner = Owner()
    async with process_of(owner) as process:
        assert await call(process, add, 1, 1) == 2
        long = await begin(process, wait_politely, raises=False)
        behind = [Called(length, b"x" * 100_000) for _ in range(40)]
        for one in behind:
            one.give_to(process)
        process.flush()

        def is_back() -> bool:
            process.give_back()  # what is still on its way is not there yet
            return len(owner.returned) == 40

        await until(is_back, "all to be given back")
        assert owner.returned == behind
        assert not any(one.has_begun for one in behind)
        process.stop(2, None)
        assert await long.result() is True
        assert await call(process, add, 1, 1) == 2


async def test_one_that_dies_says_how_and_what_had_not_begun_is_given_back() -> None:
    owner = Owner()
    async with process_of(owner) as process:
        doomed, other = Called(die, 3), Called(add, 1, 1)
        doomed.give_to(process)
        other.give_to(process)
        process.flush()
        with pytest.raises(ProcessDied, match=r"ran this activity died \(exit code 3\)"):
            await doomed.result()
        assert owner.ended == [process]
        assert owner.returned == [other]


async def test_one_that_is_killed_is_gone_whatever_it_does() -> None:
    owner = Owner()
    async with process_of(owner) as process:
        made = await begin(process, wait_politely, raises=False)
        process.kill()
        with pytest.raises(ProcessDied, match="exit code -9"):
            await made.result()
        assert process.is_killed


async def test_one_that_was_given_its_end_carries_out_what_it_has() -> None:
    owner = Owner()
    async with process_of(owner) as process:
        last = Called(add, 1, 1)
        last.give_to(process)
        process.end()
        assert process.is_ending
        assert await last.result() == 2
        await until(lambda: owner.ended == [process], "the process to end")
    assert process._process.exitcode == 0


async def test_one_that_cannot_be_made_leaves_nothing_behind() -> None:
    with pytest.raises(AttributeError, match=r"lambda|local"):
        start_process(multiprocessing.get_context("spawn"), SETUP._replace(initializer=lambda: None))


async def test_details_that_cannot_be_put_together_again_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with process_of(Owner()) as process:
        made = Called(beat_oddly)
        made.give_to(process)
        process.flush()
        assert await made.result() is None
        assert made.beats == [()]
        assert "details of a heartbeat from another process are dropped" in caplog.text


class Odd(Exception):
    """Takes two arguments and keeps one, so that it cannot be unpickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def beat_oddly() -> None:
    activity.heartbeat(Odd(1, 2))


async def test_progress_is_noted_by_the_clock_of_the_loop() -> None:
    async with process_of(Owner()) as process:
        await call(process, time.sleep, 0)
        assert 0 <= asyncio.get_running_loop().time() - process.progressed_at < 30
