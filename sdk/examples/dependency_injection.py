"""Activities as methods: what they need (a database, a client of a service) is given to their object once.

The workflow names the method by its class; only the worker makes the object. A test gives it a fake one.

    perdure dev                               # in another terminal
    python sdk/examples/dependency_injection.py
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "dependency-injection"


class Mail(Protocol):
    async def send(self, to: str, text: str) -> None: ...


class Outbox:
    """Stands for a service."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, to: str, text: str) -> None:
        self.sent.append(f"{to}: {text}")


class Letters:
    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    @activity.defn
    async def greet(self, name: str) -> None:
        await self._mail.send(name, "welcome")

    @activity.defn(name="bill")
    async def send_bill(self, name: str, cents: int) -> None:
        await self._mail.send(name, f"{cents / 100:.2f}, please")


@activity.defn(dynamic=True)
async def anything_else(args: Sequence[Any]) -> str:
    """Takes every activity that has no other definition."""
    return f"nobody knows {activity.info().activity_type}"


@workflow.defn
class Welcome:
    @workflow.run
    async def run(self, name: str) -> str:
        limit = timedelta(seconds=5)
        await workflow.execute_activity_method(Letters.greet, name, start_to_close_timeout=limit)
        await workflow.execute_activity_method(Letters.send_bill, args=[name, 1250], start_to_close_timeout=limit)
        return await workflow.execute_activity("flowers", name, start_to_close_timeout=limit, result_type=str)


async def main() -> None:
    outbox = Outbox()
    letters = Letters(outbox)
    async with (
        await Client.connect() as client,
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Welcome],
            activities=[letters.greet, letters.send_bill, anything_else],
        ),
    ):
        name = f"welcome-{uuid.uuid4().hex[:8]}"
        told = await client.execute_workflow(Welcome.run, "ada", id=name, task_queue=TASK_QUEUE)
    print(*outbox.sent, told, sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
