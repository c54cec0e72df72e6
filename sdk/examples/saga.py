"""A saga: three bookings that must all stand, or none.

Each booking that succeeded registers how to undo it. When one fails for good, or somebody cancels the workflow, what
was booked is undone in reverse, and each undoing is tried until it succeeds. A crash in between changes nothing: the
workflow knows what it has booked, because its history does.

    perdure dev                     # in one terminal
    python sdk/examples/saga.py     # in another
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.exceptions import ActivityError, ApplicationError
from perdure.worker import Worker

TASK_QUEUE = "trips"
STEP_TIMEOUT = timedelta(seconds=30)


@dataclass
class Trip:
    """`sold_out` names the services that have nothing left, to see the saga turn back."""

    traveller: str
    services: list[str] = field(default_factory=lambda: ["flight", "hotel", "car"])
    sold_out: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    booked: list[str]
    undone: list[str] = field(default_factory=list)
    reason: str = ""


@activity.defn
async def book(service: str, trip: Trip) -> str:
    if service in trip.sold_out:
        raise ApplicationError(f"no {service} left", type="SoldOut", non_retryable=True)
    return f"{service}-{activity.info().idempotency_key}"


@activity.defn
async def cancel_booking(reference: str) -> None:
    activity.logger.info("canceled %s", reference)


@workflow.defn
class BookTrip:
    @workflow.run
    async def run(self, trip: Trip) -> Outcome:
        references: dict[str, str] = {}
        try:
            async with workflow.Saga() as saga:
                for service in trip.services:
                    reference = await workflow.execute_activity(
                        book, args=[service, trip], start_to_close_timeout=STEP_TIMEOUT
                    )
                    saga.add_activity(cancel_booking, reference, start_to_close_timeout=STEP_TIMEOUT)
                    references[service] = reference
        except ActivityError as error:
            return Outcome(booked=[], undone=list(reversed(references)), reason=str(error.cause))
        return Outcome(booked=list(references.values()))


async def main() -> None:
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[BookTrip], activities=[book, cancel_booking]),
    ):
        for trip in (Trip("ada"), Trip("lin", sold_out=["car"])):
            outcome = await client.execute_workflow(
                BookTrip.run, trip, id=f"trip-{uuid.uuid4().hex[:8]}", task_queue=TASK_QUEUE
            )
            if outcome.booked:
                print(f"{trip.traveller}: booked {', '.join(trip.services)}")
            else:
                print(f"{trip.traveller}: {outcome.reason}; undone in this order: {', '.join(outcome.undone)}")


if __name__ == "__main__":
    asyncio.run(main())
