"""Many tenants, one task queue: fair turns, a rate for the model that all call, and no more than two calls a tenant.

One tenant asks for forty answers, then another one for one. The second does not wait behind the first; the model is
called twenty times a second at the most, whoever asks, and says when it has had too much.
"""

import asyncio
from datetime import timedelta

from perdure import activity, workflow
from perdure.client import Client
from perdure.common import Priority
from perdure.exceptions import ThrottledError
from perdure.worker import Worker

MODEL_QUEUE = "model-calls"


@activity.defn
async def ask_model(question: str) -> str:
    if question == "what is too much?" and activity.info().attempt == 1:
        raise ThrottledError(retry_after=timedelta(seconds=0.2))  # what a 429 says: nobody of this tenant before
    return f"an answer to {question!r}"


@workflow.defn
class Answers:
    @workflow.run
    async def run(self, questions: list[str]) -> list[str]:
        return await asyncio.gather(
            *(
                workflow.execute_activity(
                    ask_model, question, task_queue=MODEL_QUEUE, start_to_close_timeout=timedelta(minutes=1)
                )
                for question in questions
            )
        )


async def main() -> None:
    async with await Client.connect() as client:
        await client.task_queues.set_limits(MODEL_QUEUE, rate=20, burst=5, key_concurrency=2)
        async with (
            Worker(client, task_queue="tenants", workflows=[Answers]),
            Worker(client, task_queue=MODEL_QUEUE, activities=[ask_model]),
        ):
            many = await client.start_workflow(
                Answers.run,
                [f"question {number}" for number in range(40)],
                id="large-tenant",
                task_queue="tenants",
                priority=Priority(fairness_key="large"),
            )
            small = await client.execute_workflow(
                Answers.run,
                ["what is too much?"],
                id="small-tenant",
                task_queue="tenants",
                priority=Priority(fairness_key="small", fairness_weight=2),
            )
            queue = await client.task_queues.describe(MODEL_QUEUE)
            print(f"small tenant: {small[0]}; of the large one {queue.activities.waiting} questions still wait")
            print(f"large tenant: {len(await many.result())} answers")


if __name__ == "__main__":
    asyncio.run(main())
