"""Messages: signals, queries, updates with validators and locks, dynamic handlers, starts that bring one along."""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Dict, List, Sequence

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker


@dataclass
class Bid:
    by: str
    amount: int


@dataclass
class Auction:
    item: str
    bids: List[Bid] = field(default_factory=list)
    seen: Dict[str, int] = field(default_factory=dict)


@activity.defn
async def check_credit(bid: Bid) -> bool:
    await asyncio.sleep(0.01)
    return bid.by != "broke"


@workflow.defn
class AuctionWorkflow:
    @workflow.init
    def __init__(self, auction: Auction) -> None:
        self.auction = auction
        self.lock = asyncio.Lock()
        self.closed = False

    @workflow.run
    async def run(self, auction: Auction) -> Auction:
        try:
            await workflow.wait_condition(lambda: self.closed, timeout=timedelta(minutes=5))
        except asyncio.TimeoutError:
            raise ApplicationError("nobody came") from None
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.auction

    @workflow.update
    async def bid(self, bid: Bid) -> int:
        async with self.lock:
            if not await workflow.execute_activity(check_credit, bid, start_to_close_timeout=timedelta(seconds=30)):
                raise ApplicationError(f"{bid.by} has no credit", type="Credit")
            self.auction.bids.append(bid)
            return len(self.auction.bids)

    @bid.validator
    def check_bid(self, bid: Bid) -> None:
        if bid.amount <= max((known.amount for known in self.auction.bids), default=0):
            raise ValueError(f"{bid.amount} is not enough")

    @workflow.query
    def highest(self) -> int:
        return max((bid.amount for bid in self.auction.bids), default=0)

    @workflow.query(name="broken")
    def fail(self) -> int:
        raise ValueError("cannot say")

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.signal(dynamic=True)
    async def anything(self, name: str, args: Sequence[RawValue]) -> None:
        self.auction.seen[name] = workflow.payload_converter().from_payload(args[0].payload, int)


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace="default")
    async with Worker(client, task_queue="auction", workflows=[AuctionWorkflow], activities=[check_credit]):

        def start(conflict: WorkflowIDConflictPolicy) -> WithStartWorkflowOperation[AuctionWorkflow, Auction]:
            return WithStartWorkflowOperation(
                AuctionWorkflow.run, Auction("lamp"), id="auction", task_queue="auction", id_conflict_policy=conflict
            )

        operation = start(WorkflowIDConflictPolicy.FAIL)
        first = await client.execute_update_with_start_workflow(
            AuctionWorkflow.bid, Bid("ada", 5), start_workflow_operation=operation
        )
        handle = await operation.workflow_handle()
        second = await client.execute_update_with_start_workflow(
            AuctionWorkflow.bid, Bid("bob", 7), start_workflow_operation=start(WorkflowIDConflictPolicy.USE_EXISTING)
        )
        print(first, second, await handle.query(AuctionWorkflow.highest))
        for bid in (Bid("low", 6), Bid("broke", 50)):
            try:
                await handle.execute_update(AuctionWorkflow.bid, bid)
            except WorkflowUpdateFailedError as error:
                assert isinstance(error.cause, ApplicationError)
                print(error.cause.type, error.cause.message)
        try:
            await handle.query("broken")
        except WorkflowQueryFailedError as error:
            print("cannot say" in str(error))
        update = await handle.start_update(
            AuctionWorkflow.bid, Bid("eve", 60), wait_for_stage=WorkflowUpdateStage.ACCEPTED, id="by-eve"
        )
        print(update.id, await handle.get_update_handle("by-eve", result_type=int).result())
        await handle.signal("whatever", 3)
        await handle.signal(AuctionWorkflow.close)
        ended = await handle.result()
        print(ended.item, [bid.by for bid in ended.bids], ended.seen)


if __name__ == "__main__":
    asyncio.run(main())
