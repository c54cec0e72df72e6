"""Starts what `counter_worker` runs, by name: it shares no code with it."""

import asyncio
import os
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy


async def main() -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    handle = await client.start_workflow(
        "Counter",
        [1, 2, 3],
        id="counter",
        task_queue="counters",
        result_type=int,
        run_timeout=timedelta(minutes=5),
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        rpc_timeout=timedelta(seconds=20),
    )
    print(await handle.result())


if __name__ == "__main__":
    asyncio.run(main())
