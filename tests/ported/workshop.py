"""Processes, completion from outside, and every option that tunes a connection or a worker."""

import asyncio
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client, KeepAliveConfig, RetryConfig
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    ResourceBasedSlotConfig,
    SharedStateManager,
    Worker,
    WorkerTuner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions


@activity.defn
def forge(parent: int) -> bool:
    activity.heartbeat("hot")
    return os.getpid() != parent


class Post:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()

    @activity.defn
    async def order(self, what: str) -> str:
        self.sent.put_nowait(activity.info().task_token)
        activity.raise_complete_async()

    async def deliver(self) -> None:
        handle = self.client.get_async_activity_handle(task_token=await self.sent.get())
        await handle.heartbeat("on its way")
        await handle.complete("iron")


@workflow.defn
class Work:
    @workflow.run
    async def run(self, parent: int) -> str:
        minute = timedelta(minutes=1)
        iron = await workflow.execute_activity_method(
            Post.order,
            "iron",
            start_to_close_timeout=minute,
            heartbeat_timeout=timedelta(seconds=10),
            task_queue="post",
        )
        forged = await workflow.execute_activity(
            forge, parent, start_to_close_timeout=minute, heartbeat_timeout=timedelta(seconds=10)
        )
        return f"{iron} {forged}"


async def main() -> None:
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="WARN", other_level="ERROR"))
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"],
        runtime=Runtime(telemetry=TelemetryConfig(logging=quiet)),
        retry_config=RetryConfig(max_retries=2),
        keep_alive_config=KeepAliveConfig(interval_millis=10_000),
        rpc_metadata={"team": "smiths"},
        tls=None,
        lazy=True,
    )
    post = Post(client)
    with multiprocessing.Manager() as manager, ProcessPoolExecutor(1) as pool:
        async with (
            Worker(
                client,
                task_queue="workshop",
                workflows=[Work],
                activities=[forge],
                activity_executor=pool,
                shared_state_manager=SharedStateManager.create_from_multiprocessing(manager),
                tuner=WorkerTuner.create_fixed(workflow_slots=5, activity_slots=1, local_activity_slots=1),
                workflow_runner=SandboxedWorkflowRunner(
                    restrictions=SandboxRestrictions.default.with_passthrough_modules("decimal")
                ),
                disable_eager_activity_execution=True,
                sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),
            ),
            Worker(
                client,
                task_queue="post",
                activities=[post.order],
                tuner=WorkerTuner.create_resource_based(
                    target_memory_usage=0.8, target_cpu_usage=0.9, activity_config=ResourceBasedSlotConfig(1, 3)
                ),
                activity_task_poller_behavior=PollerBehaviorAutoscaling(initial=2),
                max_activities_per_second=100,
            ),
        ):
            delivery = asyncio.create_task(post.deliver())
            print(await client.execute_workflow(Work.run, os.getpid(), id="work", task_queue="workshop"))
            await delivery


if __name__ == "__main__":
    asyncio.run(main())
