"""Canvas on a real engine: what comes out, and what happens when something in it fails or does not come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import activity, task
from perdure.client import WorkflowExecutionStatus
from perdure.exceptions import ApplicationError, CancelledError
from perdure.tasks import chain, chord, group
from perdure.tasks.canvas import ChainError, ChordError, GroupError, MapError, Signature
from perdure.tasks.canvas.plan import TOGETHER_MAX
from perdure.worker import Worker
from tests.unit.perdure.tasks.chores import Parcel, add, carry, count_up, drop, household
from tests.waiting import wait_until

ran: list[str] = []


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
async def note(what: str) -> str:
    ran.append(what)
    return what


@task(at_most_once=True)
async def fail_at(number: int, bad: int) -> int:
    ran.append(str(number))
    if number == bad:
        raise ValueError(f"{number} is bad")
    return number


@task
async def raw(size: int) -> bytes:
    return b"\xff" * size


@task
async def length(data: bytes) -> int:
    return len(data)


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


async def test_results_go_from_link_to_link_and_to_the_body() -> None:
    async with household(total, note, fail_at):
        assert await (await (add.s(1, 2) | add.s(10) | add.s(b=100)).adelay()) == 113
        assert await (await chord([add.s(n, n) for n in range(5)], total.s()).adelay()) == 20
        assert await (await (add.s(1, 1) | group(add.s(1), add.s(2)) | total.s() | add.s(1)).adelay()) == 8
        nested = group(chain(add.s(1, 1), add.s(1)), group(add.s(3, 3), add.s(4, 4)), add.si(5))
        assert await (await nested.adelay()) == [3, [6, 8], 10]
        assert await (await (carry.s(Parcel(1)) | carry.s(Parcel(2))).adelay()) == Parcel(3)
        assert await (await group(carry.s(Parcel(1)), add.s(1)).adelay()) == [Parcel(1), 6]
        assert await (await add.s(2).adelay(40)) == 42
        assert await (await add.s(2).aapply_async(countdown=0.01)) == 7


async def test_maps_go_one_after_another_and_chunks_at_once() -> None:
    async with household(total, note, fail_at):
        assert await (await note.map("abc").adelay()) == ["a", "b", "c"]
        assert ran == ["a", "b", "c"]
        assert await (await add.starmap([(1, 2), (3, 4)]).adelay()) == [3, 7]
        assert await (await add.chunks([(n, 1) for n in range(5)], 2).adelay()) == [[1, 2], [3, 4], [5]]
        assert await (await (add.map([1, 2]) | total.s()).adelay()) == 13


async def test_a_chain_stops_at_the_first_failure_and_says_which() -> None:
    async with household(total, note, fail_at):
        handle = await chain(note.s("first"), drop.s(), note.s()).adelay()
        with pytest.raises(ChainError, match="of 3 links, link 2 \\(drop\\): ValueError: first is broken") as caught:
            await handle
        assert [(member.index, member.name) for member in caught.value.failed] == [(1, "drop")]
        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.type == "ValueError"
        assert (await handle.adescribe()).status == WorkflowExecutionStatus.FAILED
        assert ran == ["first"]


async def test_a_group_tells_each_outcome() -> None:
    async with household(total, note, fail_at):
        handle = await group(fail_at.s(n, 1) for n in range(3)).adelay()
        outcomes = await handle.aoutcomes()
        assert [(outcome.result, outcome.failed is None) for outcome in outcomes] == [
            (0, True),
            (None, False),
            (2, True),
        ]
        with pytest.raises(GroupError, match="1 of 3 members failed: 2 \\(fail_at\\): ValueError: 1 is bad"):
            await handle
        assert sorted(ran) == ["0", "1", "2"]


async def test_a_chord_names_the_members_that_failed_and_keeps_its_body() -> None:
    async with household(total, note, fail_at):
        header: list[Signature] = [fail_at.s(7, 7), add.s(1, 1), drop.s("the vase")]
        with pytest.raises(ChordError, match=r"2 of 3 members failed, its body was not begun: 1 .* 3 .*vase") as caught:
            await (await chord(header, note.si("body")).adelay())
        assert [(member.index, member.type) for member in caught.value.failed] == [(0, "ValueError"), (2, "ValueError")]
        assert "body" not in ran
        with pytest.raises(ChordError, match="all 1 members succeeded, the body \\(drop\\) failed"):
            await (await chord([add.s(1, 1)], drop.s()).adelay())


async def test_a_map_stops_at_the_first_item_that_fails() -> None:
    async with household(total, note, fail_at):
        with pytest.raises(MapError, match="of 3 items, item 2 \\(fail_at\\): ValueError: 5 is bad"):
            await (await fail_at.starmap([(4, 5), (5, 5), (6, 5)]).adelay())
        assert ran == ["4", "5"]
        handle = await fail_at.chunks([(1, 2), (2, 2), (3, 2), (4, 2)], 2).adelay()
        first, second = await handle.aoutcomes()
        assert (first.failed and first.failed.name, first.failed and first.failed.type, second.result) == (
            "chunk of fail_at",
            "MapError",
            [3, 4],
        )
        nested = chain(note.s("a"), group(drop.s(), note.si("b")))
        with pytest.raises(
            ChainError, match="link 2 \\(group of 2\\): GroupError: 1 of 2 members failed: 1 \\(drop\\)"
        ):
            await (await nested.adelay())


async def test_nothing_waits_for_ever() -> None:
    async with household(total, note, fail_at), asyncio.timeout(20):
        nobody = note.s("never").set(queue="without workers")
        with pytest.raises(ChordError, match=r"1 of 2 members failed.*2 \(note\): TimeoutError"):
            await (await chord([add.s(1, 1), nobody], total.s()).aapply_async(timeout=0.4))
        late = chain(note.s("x").set(countdown=0.3), note.si("too late").set(countdown=60))
        with pytest.raises(ChainError, match="link 2 \\(note\\): CanvasTimeout: no time was left for note"):
            await (await late.aapply_async(timeout=0.5))
        assert ran == ["x"]


async def test_bytes_go_from_link_to_link_and_are_refused_in_lists() -> None:
    async with household(raw, length):
        assert await (await (raw.s(3) | length.s()).adelay()) == 3
        assert await (await (chord([add.s(1, 1)], raw.si(2)) | length.s()).adelay()) == 2
        with pytest.raises(GroupError, match=r"1 of 2 members failed: 1 \(raw\): BytesInList: it returned bytes"):
            await (await group(raw.s(1), add.s(1, 1)).adelay())
        with pytest.raises(MapError, match=r"item 1 \(raw\): BytesInList"):
            await (await raw.map([1]).adelay())


async def test_what_is_cancelled_ends_and_begins_nothing_more() -> None:
    async with household(total, note, fail_at):
        handle = await (count_up.s() | note.s()).adelay()

        async def has_begun() -> bool:
            return bool((await handle.adescribe()).pending_activities)

        await wait_until(has_begun, what="its first link has begun")
        await handle.acancel()
        with pytest.raises(CancelledError):
            await handle
        assert ran == []


async def test_steps_run_on_the_queues_of_their_tasks() -> None:
    where = task(queue="far")(_where)
    async with household(note) as client, Worker(client, task_queue="far", activities=[where]):
        assert await (await (note.s("x") | where.s()).adelay()) == "x on far"


async def _where(what: str) -> str:
    return f"{what} on {activity.info().task_queue}"


async def test_the_largest_group() -> None:
    async with household(total, note, fail_at):
        handle = await chord([add.s(number, 1) for number in range(TOGETHER_MAX)], total.s()).adelay()
        async with asyncio.timeout(60):
            assert await handle == sum(range(TOGETHER_MAX)) + TOGETHER_MAX


@task
async def hear(told: dict[str, Any], who: str) -> None:
    failure = told["__failure__"]
    member = failure["member"]
    where = "" if member is None else f" in {member['name']} {member['index']}"
    ran.append(f"{who} heard of {failure['type']}: {failure['message']}{where}")


async def test_who_is_told_of_a_failure() -> None:
    async with household(fail_at, note, hear):
        watched = (note.s("a") | fail_at.si(2, 2) | note.s()).on_failure(hear.s("ada"), fail_at.si(3, 3), hear.s("bob"))
        with pytest.raises(ChainError, match="of 3 links, link 2"):
            await (await watched.adelay())
        assert ran[:2] == ["a", "2"]
        assert sorted(ran[2:]) == ["3", "ada heard of ValueError: 2 is bad", "bob heard of ValueError: 2 is bad"]
        ran.clear()
        inner = chord([fail_at.s(1, 0), fail_at.s(5, 5)], note.s()).on_failure(hear.s("ada"))
        with pytest.raises(ChainError, match="ChordError"):
            await (await (inner | note.si("after")).adelay())
        assert sorted(ran) == ["1", "5", "ada heard of ValueError: 5 is bad in fail_at 1"]
        ran.clear()
        assert await (await fail_at.s(1, 2).on_failure(hear.s("ada")).adelay()) == 1
        assert ran == ["1"]
