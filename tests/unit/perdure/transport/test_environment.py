"""The machine as clients and workers see it."""

from __future__ import annotations

import threading
import time

import pytest

from perdure.transport import RealEnvironment
from tests.waiting import wait_until_blocking


def test_clocks_are_the_machines() -> None:
    environment = RealEnvironment()
    assert abs(environment.now_us() - time.time() * 1_000_000) < 5_000_000
    assert abs(environment.monotonic() - time.monotonic()) < 5


def test_names_are_given_once() -> None:
    assert len({RealEnvironment().unique_name() for _ in range(1000)}) == 1000


async def test_a_coroutine_becomes_a_named_task() -> None:
    async def answer() -> int:
        return 42

    task = RealEnvironment().spawn(answer(), name="answering")
    assert task.get_name() == "answering"
    assert await task == 42


async def test_a_blocking_call_has_another_thread() -> None:
    assert await RealEnvironment().in_thread(threading.get_ident) != threading.get_ident()


def test_a_beat_goes_on_until_it_is_stopped() -> None:
    threads: list[str] = []
    ended: list[str] = []
    beat = RealEnvironment().beat(
        lambda: threads.append(threading.current_thread().name),
        lambda: 0.001,
        name="heart",
        ended=lambda: ended.append(threading.current_thread().name),
    )
    wait_until_blocking(lambda: len(threads) >= 3, what="three beats", timeout_seconds=5)
    assert not ended
    beat.stop()
    assert ended == ["heart"]
    assert set(threads) == {"heart"}
    count = len(threads)
    beat.stop()
    assert len(threads) == count


def test_a_step_that_raises_ends_the_beat_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[bool] = []
    beat = RealEnvironment().beat(lambda: [][0], lambda: 0.0, name="heart", ended=lambda: ended.append(True))
    wait_until_blocking(lambda: bool(ended), what="the end", timeout_seconds=5)
    beat.stop()
    assert "The thread 'heart' ended" in caplog.text
    assert "IndexError" in caplog.text
