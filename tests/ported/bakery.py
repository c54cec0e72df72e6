"""Activities of all kinds: typed, by name, in threads, retried, refused for good, timed out, cancelled."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import List, Optional

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError
from temporalio.worker import Worker


class Flour(IntEnum):
    RYE = 1
    SPELT = 2


@dataclass
class Loaf:
    flour: Flour
    grams: int
    note: Optional[str] = None


@activity.defn
def knead(loaf: Loaf) -> str:
    activity.heartbeat(loaf.grams)
    return f"{loaf.flour.name.lower()} of {loaf.grams} g"


@activity.defn(name="heat-oven")
async def heat(degrees: int) -> int:
    if activity.info().attempt < 3:
        raise RuntimeError("no spark")
    return degrees + activity.info().attempt


@activity.defn
async def sell(price: float) -> None:
    raise ApplicationError("too dear", price, type="Unsold", non_retryable=True)


@activity.defn
async def watch() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(0.05)


class Till:
    def __init__(self, coins: int) -> None:
        self.coins = coins

    @activity.defn
    async def count(self) -> int:
        return self.coins


@workflow.defn
class Bake:
    @workflow.run
    async def run(self, loaves: List[Loaf]) -> List[str]:
        minute = timedelta(minutes=1)
        quick = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=5)
        done = list(
            await asyncio.gather(
                *(workflow.execute_activity(knead, loaf, start_to_close_timeout=minute) for loaf in loaves)
            )
        )
        oven = await workflow.execute_activity(
            "heat-oven", 200, schedule_to_close_timeout=minute, retry_policy=quick, result_type=int
        )
        done.append(f"oven {oven}")
        done.append(f"till {await workflow.execute_activity_method(Till.count, start_to_close_timeout=minute)}")
        try:
            await workflow.execute_activity(
                watch, start_to_close_timeout=timedelta(milliseconds=300), retry_policy=RetryPolicy(maximum_attempts=1)
            )
        except ActivityError as error:
            assert isinstance(error.cause, TimeoutError)
            done.append(f"timeout {error.cause.type}")
        watching = workflow.start_activity(watch, start_to_close_timeout=minute, heartbeat_timeout=timedelta(seconds=5))
        await asyncio.sleep(0.05)
        watching.cancel()
        try:
            await watching
        except ActivityError as error:
            done.append(type(error.cause).__name__)
        workflow.logger.info("Baked: %s", done)
        if done != ["rye of 500 g", "spelt of 750 g", "oven 203", "till 7", "timeout 1", "CancelledError"]:
            return done
        await workflow.execute_activity(sell, 9.5, start_to_close_timeout=minute)
        return done


@workflow.defn
class Clean:
    @workflow.run
    async def run(self) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.shield(workflow.execute_activity(Till.count, start_to_close_timeout=timedelta(minutes=1)))


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    with ThreadPoolExecutor(4) as executor:
        async with Worker(
            client,
            task_queue="bakery",
            workflows=[Bake, Clean],
            activities=[knead, heat, sell, watch, Till(7).count],
            activity_executor=executor,
            max_concurrent_activities=4,
        ):
            loaves = [Loaf(Flour.RYE, 500), Loaf(Flour.SPELT, 750, "seeds")]
            handle = await client.start_workflow(Bake.run, loaves, id="bake", task_queue="bakery")
            try:
                print(await handle.result())
            except WorkflowFailureError as error:
                assert isinstance(error.cause, ActivityError)
                cause = error.cause.cause
                assert isinstance(cause, ApplicationError)
                print(cause.type, cause.message, list(cause.details), cause.non_retryable)
            clean = await client.start_workflow(Clean.run, id="clean", task_queue="bakery")
            await clean.cancel()
            try:
                await clean.result()
            except WorkflowFailureError as error:
                assert isinstance(error.cause, CancelledError)
                print("cancelled", (await clean.describe()).status == 4)


if __name__ == "__main__":
    asyncio.run(main())
