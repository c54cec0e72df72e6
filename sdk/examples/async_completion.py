"""Async completion: an activity leaves itself, and a person completes it, from another program if need be.

The activity sends a question out, and ends without an answer. Its worker may stop; nothing is held but a row. Whoever
has the task token (or the ids of workflow and activity) says what became of it, days later.

    perdure dev                               # in another terminal
    python sdk/examples/async_completion.py
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "async-completion"


class Desk:
    """Where questions go. In life: a mail, a ticket, a row in a table."""

    def __init__(self) -> None:
        self.questions: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    @activity.defn
    async def ask(self, question: str) -> str:
        await self.questions.put((question, activity.info().task_token))
        activity.raise_complete_async()


@workflow.defn
class Approval:
    @workflow.run
    async def run(self, amount: int) -> str:
        return await workflow.execute_activity_method(
            Desk.ask, f"refund {amount} euros?", start_to_close_timeout=timedelta(days=7)
        )


async def main() -> None:
    desk = Desk()
    async with await Client.connect() as client:
        async with Worker(client, task_queue=TASK_QUEUE, workflows=[Approval], activities=[desk.ask]):
            handle = await client.start_workflow(
                Approval.run, 70, id=f"approval-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
            )
            question, token = await desk.questions.get()
        print(f"asked: {question} (and the worker has stopped)")
        await client.get_async_activity_handle(task_token=token).complete("yes, by grace")
        async with Worker(client, task_queue=TASK_QUEUE, workflows=[Approval], activities=[desk.ask]):
            print(f"answered: {await handle.result()}")


if __name__ == "__main__":
    asyncio.run(main())
