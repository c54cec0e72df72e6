"""Signals: one and many, with handlers that wait, dynamic ones, some that come before anybody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from perdure import workflow
from perdure.client import WorkflowHandle
from perdure.common import RawValue
from perdure.testing import WorkflowEnvironment
from tests.golden.catalogue.tale import SHORT, Tale, double, signals, step


@workflow.defn(name="cart")
class Cart:
    def __init__(self) -> None:
        self.items: list[str] = []
        self.is_paid = False

    @workflow.signal
    def add(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def pay(self, _: str) -> None:
        self.is_paid = True

    @workflow.query
    def content(self) -> list[str]:
        return self.items

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.is_paid)
        return [await workflow.execute_activity(step, item, start_to_close_timeout=SHORT) for item in self.items]


@workflow.defn(name="busy-handlers")
class BusyHandlers:
    """Handlers that call activities, one at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.sums: list[int] = []

    @workflow.signal
    async def count(self, number: int) -> None:
        async with self.lock:
            self.sums.append(await workflow.execute_activity(double, number, start_to_close_timeout=SHORT))

    @workflow.run
    async def run(self, expected: int) -> list[int]:
        await workflow.wait_condition(lambda: len(self.sums) >= expected)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.sums


@workflow.defn(name="hears-all")
class HearsAll:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.signal(dynamic=True)
    def hear(self, name: str, _: Sequence[RawValue]) -> None:
        self.heard.append(name)

    @workflow.run
    async def run(self, expected: int) -> list[str]:
        await workflow.wait_condition(lambda: len(self.heard) >= expected)
        return self.heard


@workflow.defn(name="listens-late")
class ListensLate:
    @workflow.run
    async def run(self) -> list[int]:
        found: list[int] = []
        await workflow.sleep(1)
        workflow.set_signal_handler("number", found.append)
        await workflow.wait_condition(lambda: len(found) >= 2)
        return found


async def slowly(env: WorkflowEnvironment, handle: WorkflowHandle[Any, Any]) -> None:
    """With time between them, so that each has a workflow task of its own."""
    for item in ("tea", "milk"):
        await handle.signal("add", item)
        await env.sleep(1)
        await handle.query("content")
    await handle.signal("pay", "cash")


WORKFLOWS = (Cart, BusyHandlers, HearsAll, ListensLate)
ACTIVITIES = ()
TALES = (
    *(
        Tale(f"cart-{count}", Cart, (), signals(*(("add", item) for item in "abcde"[:count]), ("pay", "card")))
        for count in (0, 1, 5)
    ),
    Tale("cart-slowly", Cart, (), slowly),
    *(
        Tale(f"busy-handlers-{count}", BusyHandlers, (count,), signals(*(("count", n) for n in range(count))))
        for count in (1, 4)
    ),
    *(
        Tale(f"hears-all-{count}", HearsAll, (count,), signals(*((f"signal-{n}", n) for n in range(count))))
        for count in (1, 3)
    ),
    Tale("listens-late", ListensLate, (), signals(("number", 1), ("number", 2))),
)
