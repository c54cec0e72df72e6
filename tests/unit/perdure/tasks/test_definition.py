"""Tasks: called here, enqueued there."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest

from perdure import activity, task
from perdure.activity.definition import ActivityDefinition
from perdure.common import RetryPolicy
from perdure.exceptions import ApplicationError
from tests.unit.perdure.tasks.chores import Parcel, add, ask_again, carry, dawdle, dream, drop, household, wrap


async def test_calling_it_runs_it_here() -> None:
    assert add(1) == 6
    assert await carry(Parcel(2), Parcel(3)) == Parcel(5)
    with pytest.raises(ValueError, match="the vase is broken"):
        drop("the vase")


async def test_enqueued_it_runs_on_a_worker() -> None:
    async with household():
        assert await (await add.adelay(1, b=2)) == 3
        assert await (await carry.adelay(Parcel(2), Parcel(3), Parcel(4))) == Parcel(9)
        handles = await add.adelay_many([(number,) for number in range(300)])
        assert [await handle for handle in handles] == [number + 5 for number in range(300)]
        with pytest.raises(ApplicationError, match="the vase is broken"):
            await (await drop.adelay("the vase"))


async def test_what_is_given_by_name_alone_arrives_by_name() -> None:
    async with household():
        assert await (await wrap.adelay(Parcel(2), paper=Parcel(1))) == "3 in red"
        assert await (await wrap.aapply_async((Parcel(2),), {"ribbon": "blue", "paper": Parcel(3)})) == "5 in blue"
    with pytest.raises(TypeError, match="missing a required"):
        wrap.delay(Parcel(2))  # type: ignore[call-arg]
    called = ActivityDefinition.to_register(wrap).function
    assert pickle.loads(pickle.dumps(called))(Parcel(1), Parcel(1)) == "2 in red"


async def test_an_id_is_enqueued_once() -> None:
    async with household():
        first = await add.aapply_async((1,), task_id="sum")
        assert await first == 6
        again = await add.aapply_async((100,), task_id="sum")
        assert (first.is_new, again.is_new, again.run_id) == (True, False, first.run_id)
        assert await again == 6


async def test_it_says_when_it_is_to_be_tried_again() -> None:
    async with household():
        assert await (await ask_again.adelay()) == 2


async def test_a_soft_time_limit_lets_it_clean_up() -> None:
    async with household():
        handle = await dawdle.adelay()
        assert await handle == "stopped in time"
        assert await handle.aprogress() == "a third"
        with pytest.raises(ApplicationError, match="its soft time limit has passed") as caught:
            await (await dream.adelay())
        assert caught.value.type == "SoftTimeLimitExceeded"


async def test_options_of_one_call_and_of_a_variant() -> None:
    async with household():
        assert await (await add.aapply_async((1,), {"b": 1}, countdown=0.01, time_limit=timedelta(seconds=5))) == 2
        slow = add.with_options(queue="slow", priority=5)
        assert (slow.name, slow.options.queue, add.options.queue) == ("add", "slow", "default")
        handle = await slow.adelay(1)
        assert (await handle.adescribe()).task_queue == "slow"
        await handle.acancel()


def test_it_is_an_activity_too() -> None:
    definition = ActivityDefinition.to_register(carry)
    assert (definition.name, definition.is_async, definition.result_type) == ("carry it", True, Parcel)
    assert definition.argument_hints(3) == (Parcel, Parcel, Parcel)
    assert add.activity_options["start_to_close_timeout"] == timedelta(days=1)
    assert not activity.in_activity()


def test_another_process_finds_it_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(add)) is add
    assert repr(add) == "<task 'add' of queue 'default'>"
    assert carry.__doc__ == "Carry parcels."


async def test_a_coroutine_is_told_to_await() -> None:
    with pytest.raises(RuntimeError, match=r"use `await add\.adelay\(\.\.\.\)`"):
        add.delay(1)
    with pytest.raises(RuntimeError, match="aapply_async"):
        add.apply_async((1,))
    with pytest.raises(RuntimeError, match="adelay_many"):
        add.delay_many([(1,)])


def test_arguments_are_checked_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        add.delay()  # type: ignore[call-arg]


def test_what_is_no_task() -> None:
    wrong: Any = Parcel
    with pytest.raises(TypeError, match="@task is for functions"):
        task(wrong)
    with pytest.raises(ValueError, match="the name of a task"):
        task(name="\0")(add.function)
    with pytest.raises(ValueError, match="time_limit is -1; it must be above 0"):
        task(time_limit=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        task(retries=5)

    def named(**by: str) -> None: ...

    with pytest.raises(TypeError, match="travel in order"):
        task(named)


def test_a_policy_of_its_own() -> None:
    policy = RetryPolicy(maximum_attempts=3)

    @task(retry_policy=policy, expires=60)
    def chore() -> None: ...

    assert chore.options.policy == policy
    assert chore.activity_options["schedule_to_start_timeout"] == timedelta(minutes=1)
    assert drop.options.policy.maximum_attempts == 1
