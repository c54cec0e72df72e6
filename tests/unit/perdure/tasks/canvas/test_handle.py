"""Handles in coroutines; those of plain code are tried against a real cluster."""

from __future__ import annotations

import pytest

from perdure.tasks import group
from perdure.tasks.canvas import CanvasHandle, GroupError, GroupHandle, Outcome
from tests.unit.perdure.tasks.chores import Parcel, add, carry, drop, household


async def test_a_group_tells_each_outcome_as_what_its_tasks_return() -> None:
    async with household():
        handle = await group(carry.s(Parcel(1)), drop.s("the vase"), add.s(1)).adelay()
        carried, dropped, added = await handle.aoutcomes()
        assert (carried, added) == (Outcome(Parcel(1)), Outcome(6))
        assert dropped.failed is not None
        assert (dropped.failed.name, dropped.failed.message) == ("drop", "the vase is broken")
        assert (await GroupHandle(handle.id).aoutcomes())[0] == Outcome({"weight": 1})
        with pytest.raises(GroupError, match="1 of 3 members failed: 2 \\(drop\\): ValueError: the vase is broken"):
            await handle


async def test_a_coroutine_does_not_wait() -> None:
    handle = GroupHandle("a")
    assert repr(handle) == "GroupHandle('a', None)"
    for call in (handle.get, handle.cancel, handle.outcomes, handle.describe, lambda: CanvasHandle("a").status):
        with pytest.raises(RuntimeError, match="would hold up the event loop"):
            call()
