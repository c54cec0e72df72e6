"""What a client is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.common import ActivityIDReusePolicy, Priority, RetryPolicy
from perdure.deduplication import Deduplication
from perdure.tasks.enqueuing import Call, input_of
from perdure.tasks.options import RETRY_POLICY, TaskOptions


def call(options: TaskOptions | None = None, **changes: Any) -> Call:
    return Call("add", (1, 2), int, options or TaskOptions(), **changes)


def test_the_options_of_the_task() -> None:
    input = input_of(call(TaskOptions(queue="q", time_limit=5, expires=60, heartbeat_timeout=1, priority=2)))
    assert (input.activity_type, input.args, input.task_queue) == ("add", (1, 2), "q")
    assert input.start_to_close_timeout == timedelta(seconds=5)
    assert input.schedule_to_start_timeout == timedelta(minutes=1)
    assert input.heartbeat_timeout == timedelta(seconds=1)
    assert (input.priority, input.retry_policy) == (Priority(2), RETRY_POLICY)
    assert input.is_new_id


def test_the_options_of_the_call() -> None:
    policy = RetryPolicy(maximum_attempts=2)
    input = input_of(call(queue="other", priority=1, retry_policy=policy, time_limit=9, task_id="mine", countdown=3))
    assert (input.task_queue, input.id, input.is_new_id) == ("other", "mine", False)
    assert (input.priority, input.retry_policy) == (Priority(1), policy)
    assert (input.start_to_close_timeout, input.start_delay) == (timedelta(seconds=9), timedelta(seconds=3))
    assert input.id_reuse_policy == ActivityIDReusePolicy.REJECT_DUPLICATE


def test_moments_become_durations() -> None:
    begin = datetime.now(UTC) + timedelta(hours=1)
    input = input_of(call(eta=begin, expires=begin + timedelta(minutes=5)))
    assert input.start_delay is not None
    assert timedelta(minutes=59) < input.start_delay <= timedelta(hours=1)
    assert input.schedule_to_start_timeout is not None
    assert timedelta(minutes=4) < input.schedule_to_start_timeout < timedelta(minutes=6)
    past = datetime.now(UTC) - timedelta(hours=1)
    late = input_of(call(eta=past, expires=past))
    assert (late.start_delay, late.schedule_to_start_timeout) == (timedelta(0), timedelta(milliseconds=1))


def test_one_beginning_alone() -> None:
    with pytest.raises(ValueError, match="either countdown= or eta="):
        input_of(call(countdown=1, eta=datetime.now(UTC)))


def test_deduplication_needs_an_id_to_go_by() -> None:
    once = Deduplication.throttle(5)
    with pytest.raises(ValueError, match="deduplication= needs task_id="):
        input_of(Call("send", (), None, TaskOptions(), deduplication=once))
    input = input_of(Call("send", (), None, TaskOptions(), task_id="order-17", deduplication=once))
    assert (input.deduplication, input.is_new_id) == (once, False)
