"""The processes of a worker, and who has them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from perdure import activity
from perdure.worker.activity_process import ActivityProcess, ProcessDied
from perdure.worker.process_call import outcome_of, pack_call
from perdure.worker.process_pool import ProcessPool
from tests.unit.perdure.activity.test_information import INFO

SEEN: list[str] = []


def remember(word: str) -> None:
    SEEN.append(word)


def recall() -> tuple[int, list[str]]:
    return os.getpid(), SEEN


def run(process: ActivityProcess, function: Any, *arguments: Any) -> Any:
    call = pack_call(function, arguments, INFO)
    return outcome_of(process.run(process.calls + 1, call, lambda details: None))


@pytest.fixture
def pool() -> Iterator[ProcessPool]:
    made = ProcessPool(2, multiprocessing.get_context())
    yield made
    made.close()


def test_it_is_made_as_the_executor_would_be() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, context, remember, ("word",), max_tasks_per_child=2) as executor:
        pool = ProcessPool.like(executor)
        assert pool.size == 3
        pids = []
        for _ in range(3):
            with pool.lent() as process:
                pid, words = run(process, recall)
            pids.append(pid)
            assert words == ["word"]
        assert pids[0] == pids[1] != pids[2], "a process takes two calls"
        assert not executor._processes, "the executor itself stays unused"
        pool.close()


def test_a_process_is_lent_to_one_at_a_time_and_used_again(pool: ProcessPool) -> None:
    with pool.lent() as one, pool.lent() as other:
        assert one is not other
    with pool.lent() as again:
        assert again in (one, other)


def test_one_that_died_is_replaced_and_its_neighbour_is_not(pool: ProcessPool) -> None:
    with pool.lent() as neighbour:
        pid, _ = run(neighbour, recall)
        with pytest.raises(ProcessDied), pool.lent() as doomed:
            run(doomed, os._exit, 1)
        with pool.lent() as another:
            assert another is not doomed
            assert run(another, recall)[0] != pid
        assert run(neighbour, recall)[0] == pid


def test_one_that_was_killed_is_not_used_again(pool: ProcessPool) -> None:
    with pool.lent() as killed:
        killed.kill()
    with pool.lent() as another:
        assert another is not killed


def test_all_hear_that_the_worker_stops(pool: ProcessPool) -> None:
    with pool.lent():
        pass
    with pool.lent() as known:
        pool.worker_stops()
        with pool.lent() as new:
            for process in (known, new):
                run(process, activity.wait_for_worker_shutdown_sync, 30)
                assert run(process, activity.is_worker_shutdown)


def test_none_is_left_when_it_is_closed(pool: ProcessPool) -> None:
    with pool.lent() as first, pool.lent():
        pass
    with pool.lent() as busy:
        pool.close()
    pool.close()
    for process in (first, busy):
        process._process.join(10)
        assert process._process.exitcode == 0
