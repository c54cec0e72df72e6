"""A thousand agents at once, each a workflow of its own.

Every run is durable by itself: it can be looked at, signalled, cancelled, and it goes on alone when anything around
it dies.

    perdure dev                            # in one terminal
    python sdk/examples/fan_out.py         # in another
"""

from __future__ import annotations

import argparse
import asyncio
import time
import uuid
from collections import Counter
from datetime import timedelta

import model

from perdure import activity, workflow
from perdure.client import Client
from perdure.worker import Worker

TASK_QUEUE = "fan-out"
STEP_TIMEOUT = timedelta(seconds=30)


@activity.defn
async def fetch_document(number: int) -> str:
    return f"document {number} about topic {number % 7}"


@activity.defn
async def ask_model(prompt: str) -> str:
    return await model.complete(prompt, idempotency_key=activity.info().idempotency_key)


@workflow.defn
class Assess:
    @workflow.run
    async def run(self, number: int) -> str:
        document = await workflow.execute_activity(fetch_document, number, start_to_close_timeout=STEP_TIMEOUT)
        verdict = await workflow.execute_activity(ask_model, document, start_to_close_timeout=STEP_TIMEOUT)
        return verdict.partition(":")[0]


async def main() -> None:
    parser = argparse.ArgumentParser(description="Run many agents at once.")
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs

    billed_before = model.calls_billed()
    batch = uuid.uuid4().hex[:8]
    async with (
        await Client.connect() as client,
        Worker(client, task_queue=TASK_QUEUE, workflows=[Assess], activities=[fetch_document, ask_model]),
    ):
        began = time.perf_counter()
        verdicts = await asyncio.gather(
            *(
                client.execute_workflow(Assess.run, number, id=f"assess-{batch}-{number}", task_queue=TASK_QUEUE)
                for number in range(runs)
            )
        )
        seconds = time.perf_counter() - began
    for verdict, count in Counter(verdicts).most_common():
        print(f"{count:6}  {verdict}")
    print(f"{len(verdicts)} runs in {seconds:.1f} s; model calls billed: {model.calls_billed() - billed_before}")


if __name__ == "__main__":
    asyncio.run(main())
