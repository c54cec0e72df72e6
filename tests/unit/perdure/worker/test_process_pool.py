"""How many processes there are to be, and how they are made."""

from __future__ import annotations

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor

import pytest

from perdure.worker import ProcessPool
from perdure.worker.process_pool import processors


def test_it_is_made_as_the_executor_would_be() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, context, print, ("word",), max_tasks_per_child=2) as executor:
        pool = ProcessPool.like(executor)
    assert (pool.size, pool.calls_max, pool.memory_max) == (3, 2, None)
    assert (pool.context, pool.initializer, pool.initargs) == (context, print, ("word",))


def test_it_has_a_process_for_each_processor_unless_it_is_told() -> None:
    assert ProcessPool().size == processors() >= 1


@pytest.mark.parametrize("name", ["processes", "max_tasks_per_child", "max_memory_per_child"])
def test_a_number_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} is 0; it must be at least 1")):
        ProcessPool(**{name: 0})  # type: ignore[arg-type]
