"""What becomes of an activity that fails: tried again, not tried again, and caught by its workflow.

A booking service is down for a moment: the retry policy sees to it, and the workflow never knows. A card is declined:
trying again would not help, so the error says so, and the workflow books on account instead.

    perdure dev                               # in another terminal
    python sdk/examples/activity_retry.py
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import RetryPolicy
from perdure.exceptions import ActivityError, ApplicationError
from perdure.worker import Worker

TASK_QUEUE = "activity-retry"


@activity.defn
async def book(flight: str) -> str:
    attempt = activity.info().attempt
    if attempt < 3:
        raise ConnectionError("the booking service does not answer")  # any exception is tried again
    return f"{flight} booked in attempt {attempt}"


@activity.defn
async def charge(card: str) -> str:
    raise ApplicationError(f"{card} is declined", type="CardDeclined", non_retryable=True)


@activity.defn
async def put_on_account(flight: str) -> str:
    return f"{flight} is on account"


@workflow.defn
class Booking:
    @workflow.run
    async def run(self, flight: str) -> list[str]:
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=5)
        limit = timedelta(seconds=10)
        booked = await workflow.execute_activity(book, flight, start_to_close_timeout=limit, retry_policy=policy)
        try:
            paid = await workflow.execute_activity(charge, "visa", start_to_close_timeout=limit, retry_policy=policy)
        except ActivityError as error:
            # `cause` is what the activity raised; without this clause it would fail the workflow.
            if not (isinstance(error.cause, ApplicationError) and error.cause.type == "CardDeclined"):
                raise
            paid = await workflow.execute_activity(put_on_account, flight, start_to_close_timeout=limit)
        return [booked, paid]


async def main() -> None:
    logging.getLogger("perdure").setLevel(logging.ERROR)  # each failed attempt is a warning
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Booking], activities=[book, charge, put_on_account]),
    ):
        handle = await client.start_workflow(
            Booking.run, "LH 400", id=f"booking-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
        )
        for line in await handle.result():
            print(line)
        # Failed attempts are no events of the history, and are kept beside them.
        records = [record async for record in handle.fetch_history_events(include_annotations=True)]
        print(f"failed attempts that were tried again: {sum(_is_retried(record.attributes) for record in records)}")


def _is_retried(attributes: object) -> bool:
    return type(attributes).__name__ == "ActivityAttemptFailed"


if __name__ == "__main__":
    asyncio.run(main())
