"""Errors on their way up: from an activity through a child workflow to whoever waits, with the cause at each step.

perdure dev                                            # in one terminal
python sdk/examples/exception_handling.py              # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client, WorkflowFailureError
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError, ChildWorkflowError
from perdure.worker import Worker

TASK_QUEUE = "exceptions"
TIMEOUT = timedelta(seconds=10)


@activity.defn
async def charge(card: str) -> str:
    if card == "stolen":
        raise ApplicationError("the card is reported", card, type="CardRefused", non_retryable=True)
    if card == "unreadable":
        raise ValueError("this is no card")  # any exception: it is tried again, as its retry policy says
    return f"charged {card}"


@workflow.defn
class Payment:
    @workflow.run
    async def run(self, card: str) -> str:
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2)
        return await workflow.execute_activity(charge, card, start_to_close_timeout=TIMEOUT, retry_policy=policy)


@workflow.defn
class Order:
    @workflow.run
    async def run(self, cards: list[str]) -> str:
        for card in cards:
            try:
                return await workflow.execute_child_workflow(Payment.run, card)
            except ChildWorkflowError as error:
                reason = error.cause.cause if isinstance(error.cause, ActivityError) else error.cause
                if isinstance(reason, ApplicationError) and reason.type == "CardRefused":
                    continue  # the next card may do
                raise  # fails the order: the error is a failure; any other exception would be a bug to be mended
        raise ApplicationError("no card was taken", cards)


async def main() -> None:
    workflows = [Order, Payment]
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=workflows, activities=[charge]),
    ):
        for cards in (["stolen", "good"], ["stolen"], ["unreadable", "good"]):
            order_id = f"order-{uuid.uuid4().hex[:8]}"
            try:
                print(await client.execute_workflow(Order.run, cards, id=order_id, task_queue=TASK_QUEUE))
            except WorkflowFailureError as error:
                print(" <- ".join(chain_of(error)))


def chain_of(error: BaseException) -> list[str]:
    """The names of an error and its causes, and what the last one says."""
    chain = [type(error).__name__]
    while error.__cause__ is not None:
        error = error.__cause__
        chain.append(type(error).__name__)
    return [*chain[:-1], f"{chain[-1]} ({error})"]


if __name__ == "__main__":
    asyncio.run(main())
