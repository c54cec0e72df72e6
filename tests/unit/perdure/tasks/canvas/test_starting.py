"""Starting a canvas: once an id, and not at all with options that make no sense."""

from __future__ import annotations

import pytest

from perdure.tasks.canvas import CanvasHandle
from tests.unit.perdure.tasks.chores import add, household


async def test_an_id_is_enqueued_once() -> None:
    async with household() as client:
        pair = add.s(1, 1) | add.s(1)
        handles = [await pair.aapply_async(task_id="mine", countdown=0.05) for _ in range(3)]
        assert [handle.is_new for handle in handles] == [True, False, False]
        assert [await handle for handle in handles] == [3, 3, 3]
        assert await CanvasHandle[int]("mine") == 3
        started = await client.get_workflow_handle("mine").describe()
        assert (started.workflow_type, started.task_queue) == ("perdure.canvas", "default")


async def test_a_start_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout is 0; it must be above 0"):
        add.map([1]).apply_async(timeout=0)
    with pytest.raises(TypeError, match="eta"):
        add.map([1]).apply_async(eta="tomorrow")
    with pytest.raises(RuntimeError, match=r"await canvas\.adelay\(\)"):
        (add.s(1) | add.s(2)).delay()
