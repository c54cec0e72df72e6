"""What an engine knows of the settings of task queues."""

from __future__ import annotations

import asyncio

import pytest

from perdure.protocol.codec import pack
from perdure.protocol.deployment import versioned_queue
from perdure.protocol.task_queues import FOREVER_US, KeySettings, QueueSettings
from perdure_broker.port import StreamKind
from perdure_engine.flow_control import FlowControl
from perdure_store.flow import QueueSettingsRow
from perdure_store.memory import MemoryStore
from tests.engine_stage import ACTIVITIES, QUEUE

NOTHING = QueueSettings("default", QUEUE)


async def control_of(settings: QueueSettings) -> FlowControl:
    store = MemoryStore()
    await store.insert_queue_settings(QueueSettingsRow("default", QUEUE, 2, 7, pack(settings)))
    control = FlowControl(store)
    assert not control.holds_back(ACTIVITIES)
    await control.refresh()
    return control


@pytest.mark.parametrize(
    "settings",
    [
        NOTHING._replace(rate_micro=1),
        NOTHING._replace(concurrency=1),
        NOTHING._replace(key_rate_micro=1),
        NOTHING._replace(key_concurrency=1),
        NOTHING._replace(paused_until_us=FOREVER_US),
        NOTHING._replace(keys=(KeySettings("a", concurrency=1),)),
    ],
)
async def test_a_queue_with_limits_is_held_back(settings: QueueSettings) -> None:
    control = await control_of(settings)
    assert control.holds_back(ACTIVITIES)
    assert control.settings(ACTIVITIES) == settings._replace(revision=7)
    version = ACTIVITIES._replace(task_queue=versioned_queue(QUEUE, "shop", "v1"))
    assert control.holds_back(version), "the queue of a version has the settings of its task queue"


@pytest.mark.parametrize("settings", [NOTHING, NOTHING._replace(keys=(KeySettings("a", weight=5),))])
async def test_a_queue_without_limits_is_not(settings: QueueSettings) -> None:
    control = await control_of(settings)
    assert not control.is_used
    assert not control.holds_back(ACTIVITIES)


class SlowFirst(MemoryStore):
    """Its first reading of settings takes until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self._is_first = True

    async def queue_settings(self) -> list[QueueSettingsRow]:
        rows = await super().queue_settings()
        if self._is_first:
            self._is_first = False
            await self.may_answer.wait()
        return rows


async def test_an_older_reading_does_not_take_back_what_is_set() -> None:
    store = SlowFirst()
    control = FlowControl(store)
    survey = asyncio.create_task(control.refresh())
    await asyncio.sleep(0)
    await store.insert_queue_settings(QueueSettingsRow("default", QUEUE, 2, 1, pack(NOTHING._replace(concurrency=1))))
    setting = asyncio.create_task(control.refresh())
    await asyncio.sleep(0)
    store.may_answer.set()
    await asyncio.gather(survey, setting)
    assert control.holds_back(ACTIVITIES)


async def test_others_are_not_concerned() -> None:
    control = await control_of(NOTHING._replace(concurrency=1))
    assert not control.holds_back(ACTIVITIES._replace(kind=StreamKind.WORKFLOW))
    assert not control.holds_back(ACTIVITIES._replace(namespace="another"))
    assert control.settings(ACTIVITIES._replace(task_queue="other")).revision == 0
