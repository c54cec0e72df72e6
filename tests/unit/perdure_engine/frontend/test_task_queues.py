"""Task queues, as any engine answers for them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.replies import ErrorCode
from perdure.protocol.task_queues import (
    COUNT_MAX,
    FOREVER_US,
    RATE_MICRO_MAX,
    DescribeQueue,
    KeySettings,
    ListQueues,
    PauseQueue,
    QueueInfo,
    QueueSettings,
    SetQueueLimits,
    decode_queue_info,
    decode_queue_list,
    decode_queue_settings,
)
from perdure_broker.keys import Keys
from perdure_broker.port import WorkerInfo
from perdure_engine.frontend import task_queues
from perdure_store.flow import QueueSettingsRow
from perdure_store.memory import MemoryStore
from tests.engine_stage import ACTIVITIES, QUEUE, Stage, pass_time
from tests.unit.perdure_engine.frontend.test_service import answer, refusal

STREAM = Keys().queue(ACTIVITIES).stream
HOUR_US = 3_600_000_000


async def change(stage: Stage, request: Any) -> QueueSettings:
    settings: QueueSettings = decode_queue_settings(await answer(stage, request))
    return settings


async def described(stage: Stage, queue: str = QUEUE) -> QueueInfo:
    info: QueueInfo = decode_queue_info(await answer(stage, DescribeQueue("default", queue)))
    return info


def limits(**fields: Any) -> SetQueueLimits:
    return SetQueueLimits("default", QUEUE, identity="me")._replace(**fields)


async def test_limits_are_kept_and_what_is_not_given_stays(stage: Stage) -> None:
    first = await change(stage, limits(rate_micro=5_000_000, burst=2))
    assert (first.rate_micro, first.burst, first.revision, first.changed_by) == (5_000_000, 2, 1, "me")
    second = await change(stage, limits(concurrency=7))
    assert (second.rate_micro, second.concurrency, second.revision) == (5_000_000, 7, 2)
    third = await change(stage, limits(rate_micro=0))
    assert (third.rate_micro, third.concurrency, third.revision) == (0, 7, 3)
    assert await change(stage, limits(concurrency=7)) == third, "nothing has changed"
    assert (await described(stage)).settings == third
    assert (await stage.broker.queue_state(ACTIVITIES)).backlogged, "nobody publishes past the dispatcher"


async def test_a_change_may_name_what_it_was_decided_on(stage: Stage) -> None:
    await change(stage, limits(concurrency=1))
    error = await refusal(stage, limits(concurrency=2, revision=7))
    assert error.code == ErrorCode.FAILED_PRECONDITION
    assert "at revision 1, not 7" in error.message
    assert (await change(stage, limits(concurrency=2, revision=1))).revision == 2


async def test_two_changes_at_once_both_count(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(stage, limits(concurrency=1))
    update = MemoryStore.update_queue_settings

    async def overtaken(store: MemoryStore, row: QueueSettingsRow) -> bool:
        monkeypatch.setattr(MemoryStore, "update_queue_settings", update)
        first = QueueSettings("default", QUEUE, 2, concurrency=1, burst=9)
        assert await update(store, row._replace(data=pack(first)))
        return await update(store, row)

    monkeypatch.setattr(MemoryStore, "update_queue_settings", overtaken)
    settings = await change(stage, limits(rate_micro=1))
    assert (settings.concurrency, settings.burst, settings.rate_micro, settings.revision) == (1, 9, 1, 3)


async def test_keys_have_settings_of_their_own_as_long_as_these_say_something(stage: Stage) -> None:
    await change(stage, limits(key="b", concurrency=3))
    settings = await change(stage, limits(key="a", weight=2_000, rate_micro=10))
    assert settings.keys == (KeySettings("a", 2_000, 10), KeySettings("b", concurrency=3))
    await change(stage, PauseQueue("default", QUEUE, FOREVER_US, key="b"))
    await change(stage, limits(key="b", concurrency=0))
    settings = await change(stage, limits(key="a", weight=0, rate_micro=0))
    assert settings.keys == (KeySettings("b", paused_until_us=FOREVER_US),)
    assert (await change(stage, PauseQueue("default", QUEUE, 0, key="b"))).keys == ()


async def test_no_more_keys_are_set_than_there_is_room_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_queues, "KEYS_MAX", 1)
    await change(stage, limits(key="a", concurrency=3))
    assert "at most 1 keys" in (await refusal(stage, limits(key="b", concurrency=3))).message


async def test_a_pause_takes_effect_at_once_and_ends(stage: Stage) -> None:
    settings = await change(stage, PauseQueue("default", QUEUE, FOREVER_US, reason="why", identity="me"))
    assert (settings.paused_until_us, settings.pause_reason) == (FOREVER_US, "why")
    assert (await stage.broker.queue_state(ACTIVITIES)).paused
    settings = await change(stage, PauseQueue("default", QUEUE, 0))
    assert (settings.paused_until_us, settings.pause_reason) == (0, "")
    assert not (await stage.broker.queue_state(ACTIVITIES)).paused


async def test_a_pause_for_a_while_ends_by_itself(stage: Stage) -> None:
    await stage.broker.announce_worker(ACTIVITIES, WorkerInfo("w", "w", 10, 0), 3_600_000)
    await change(stage, PauseQueue("default", QUEUE, stage.now_us() + 2_000_000))
    assert (await stage.broker.queue_state(ACTIVITIES)).paused
    await pass_time(4)
    assert not (await stage.broker.queue_state(ACTIVITIES)).paused


async def test_how_a_queue_stands(stage: Stage) -> None:
    await stage.broker.announce_worker(ACTIVITIES, WorkerInfo("w", "host", 10, 0), 3_600_000)
    await stage.broker.hold(STREAM, "a", HOUR_US)
    await stage.broker.hold(STREAM, "", HOUR_US)
    info = await described(stage)
    assert ("host", 10) in [(worker.identity, worker.slots) for worker in info.activities.workers]
    assert info.activities.slots == sum(worker.slots for worker in info.activities.workers)
    assert [(key.key, key.out, key.held_us > 0) for key in info.keys] == [("a", 0, True)]
    assert info.held_us > 0


async def test_a_list_has_what_was_used_or_set(stage: Stage) -> None:
    await stage.broker.announce_worker(ACTIVITIES, WorkerInfo("w", "host", 10, 0), 3_600_000)
    await change(stage, limits(task_queue="set", key="a", concurrency=3))
    rows = decode_queue_list(await answer(stage, ListQueues("default"))).rows
    assert [row.task_queue for row in rows] == [QUEUE, "set"]
    assert rows[0].activities.worker_count >= 1
    assert (rows[0].activities.workers, rows[1].settings.keys) == ((), ())
    assert decode_queue_list(await answer(stage, ListQueues("another"))).rows == ()


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (limits(task_queue="", concurrency=1), "task queue"),
        (limits(namespace="", concurrency=1), "namespace"),
        (limits(rate_micro=-1), "a rate of"),
        (limits(key_rate_micro=RATE_MICRO_MAX + 1), "a rate of"),
        (limits(concurrency=-1), "concurrency is -1"),
        (limits(key_burst=COUNT_MAX + 1), "key burst is"),
        (limits(key="a", key_concurrency=1), "for one key"),
        (limits(key="a", weight=1_000_001), "a weight of 1000"),
        (limits(weight=1), "name it"),
        (limits(key="k" * 256, weight=1), "256 characters"),
        (limits(key="a\0", weight=1), "NUL character"),
        (PauseQueue("default", QUEUE, -1), "not possible"),
        (PauseQueue("default", QUEUE, 1, key="k" * 256), "256 characters"),
        (PauseQueue("default", QUEUE, 1, reason="r" * 1001), "1,000 characters"),
        (PauseQueue("default", "", 1), "task queue"),
        (DescribeQueue("default", ""), "task queue"),
    ],
)
async def test_what_is_refused(stage: Stage, request_: Any, problem: str) -> None:
    error = await refusal(stage, request_)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert problem in error.message
