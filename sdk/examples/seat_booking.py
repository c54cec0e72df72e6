"""A hall whose seats are booked by many at once: updates that are validated, answered, and wait for each other.

An update is a request that the workflow answers. Its validator refuses what cannot be before it leaves a trace in the
history; its handler may wait, and an `asyncio.Lock` keeps handlers from treading on each other while they do. The first
booking starts the workflow: update and start are one request.

    perdure dev                                # in one terminal
    python sdk/examples/seat_booking.py        # in another
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from perdure.common import WorkflowIDConflictPolicy
from perdure.exceptions import ApplicationError
from perdure.worker import Worker

TASK_QUEUE = "seat-booking"
SEATS = 4


@activity.defn
async def print_ticket(guest: str, seat: int) -> str:
    return f"seat {seat} for {guest}"


@workflow.defn
class Hall:
    def __init__(self) -> None:
        self._guests: dict[int, str] = {}
        self._lock = asyncio.Lock()
        self._is_closed = False

    @workflow.run
    async def run(self, seats: int) -> dict[int, str]:
        await workflow.wait_condition(lambda: self._is_closed or len(self._guests) == seats)
        await workflow.wait_condition(workflow.all_handlers_finished)  # let tickets be printed to the end
        return self._guests

    @workflow.update
    async def book(self, guest: str) -> str:
        async with self._lock:  # one ticket after the other, though the printer takes its time
            seat = len(self._guests) + 1
            if seat > SEATS:
                raise ApplicationError("the hall is full", type="Full")
            ticket: str = await workflow.execute_activity(
                print_ticket, args=[guest, seat], start_to_close_timeout=timedelta(seconds=30)
            )
            self._guests[seat] = guest
            return ticket

    @book.validator
    def refuse_nobody(self, guest: str) -> None:
        if not guest:
            raise ApplicationError("a ticket needs a name", type="Nameless")

    @workflow.query
    def free(self) -> int:
        return SEATS - len(self._guests)

    @workflow.signal
    def close(self) -> None:
        self._is_closed = True


async def main() -> None:
    hall_id = f"hall-{uuid.uuid4().hex[:8]}"
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Hall], activities=[print_ticket]),
    ):
        opening: WithStartWorkflowOperation[Hall, dict[int, str]] = WithStartWorkflowOperation(
            Hall.run,
            SEATS,
            id=hall_id,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        print(await client.execute_update_with_start_workflow(Hall.book, "ada", start_workflow_operation=opening))
        hall = await opening.workflow_handle()
        tickets = await asyncio.gather(hall.execute_update(Hall.book, "lin"), hall.execute_update(Hall.book, "joe"))
        print(*sorted(tickets), sep="\n")
        try:
            await hall.execute_update(Hall.book, "")
        except WorkflowUpdateFailedError as error:
            print(f"refused: {error.cause}")
        print(f"{await hall.query(Hall.free)} seat is free")
        await hall.signal(Hall.close)
        print(f"{len(await hall.result())} guests")


if __name__ == "__main__":
    asyncio.run(main())
