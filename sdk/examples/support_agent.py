"""A support agent whose worker dies between two steps, and whose model is billed once.

Four activities: classify the ticket, find articles, draft a reply with a model, send it. Before it sends, it leaves a
moment to think again. In that moment this program kills the worker with SIGKILL and starts another, which goes on
where the first stopped: the finished steps are in the history, so nothing runs again and no token is paid for twice.

    perdure dev                               # in one terminal
    python sdk/examples/support_agent.py      # in another
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import timedelta

import model

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import RetryPolicy
from perdure.worker import Worker

TASK_QUEUE = "support"
STEP_TIMEOUT = timedelta(seconds=30)
SECOND_THOUGHT = timedelta(seconds=2)
"""How long a drafted reply waits before it leaves."""


@dataclass
class Ticket:
    customer: str
    text: str


@dataclass
class Reply:
    category: str
    text: str
    receipt: str


@activity.defn
async def classify_ticket(text: str) -> str:
    return "billing" if "invoice" in text.lower() else "general"


@activity.defn
async def find_articles(category: str) -> list[str]:
    return [f"How we handle {category} questions", f"What to ask first in {category} cases"]


@activity.defn
async def draft_reply(text: str, articles: list[str]) -> str:
    prompt = "\n".join([text, *articles])
    return await model.complete(prompt, idempotency_key=activity.info().idempotency_key)


@activity.defn
async def send_reply(customer: str, text: str) -> str:
    # A mail provider takes an idempotency key as a model provider does; here the key itself is the receipt.
    return f"{customer}:{activity.info().idempotency_key}"


@workflow.defn
class SupportAgent:
    def __init__(self) -> None:
        self._finished: list[str] = []

    @workflow.run
    async def run(self, ticket: Ticket) -> Reply:
        category = await workflow.execute_activity(classify_ticket, ticket.text, start_to_close_timeout=STEP_TIMEOUT)
        self._finished.append("classified")

        articles = await workflow.execute_activity(find_articles, category, start_to_close_timeout=STEP_TIMEOUT)
        self._finished.append("researched")

        draft: str = await workflow.execute_activity(
            draft_reply,
            args=[ticket.text, articles],
            start_to_close_timeout=STEP_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=5),
        )
        self._finished.append("drafted")

        await workflow.sleep(SECOND_THOUGHT)

        receipt: str = await workflow.execute_activity(
            send_reply, args=[ticket.customer, draft], start_to_close_timeout=STEP_TIMEOUT
        )
        self._finished.append("sent")
        return Reply(category, draft, receipt)

    @workflow.query
    def finished_steps(self) -> list[str]:
        return self._finished


async def serve() -> None:
    activities = (classify_ticket, find_articles, draft_reply, send_reply)
    async with await Client.connect() as client:
        await Worker(client, task_queue=TASK_QUEUE, workflows=[SupportAgent], activities=activities).run()


async def main() -> None:
    billed_before = model.calls_billed()
    worker = start_worker()
    try:
        async with await Client.connect() as client:
            handle = await client.start_workflow(
                SupportAgent.run,
                Ticket("lin@example.com", "Why is there a second invoice for March?"),
                id=f"support-{uuid.uuid4().hex[:8]}",
                task_queue=TASK_QUEUE,
            )
            while "drafted" not in await handle.query(SupportAgent.finished_steps):
                await asyncio.sleep(0.1)
            worker.kill()
            print(f"{handle.id}: the reply is drafted; its worker was killed (pid {worker.pid})")
            worker.wait()
            worker = start_worker()
            print(f"{handle.id}: another worker takes over (pid {worker.pid})")
            reply = await handle.result()
            print(f"{handle.id}: sent, {reply.text!r}")
    finally:
        worker.terminate()
        worker.wait()
    print(f"model calls billed: {model.calls_billed() - billed_before}")


def start_worker() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, "worker"])


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1:] == ["worker"] else main())
