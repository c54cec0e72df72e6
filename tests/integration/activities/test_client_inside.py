"""The worker's client, inside of activities."""

from __future__ import annotations

from datetime import timedelta

from perdure import activity, workflow
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

TIMEOUT = timedelta(seconds=20)


@activity.defn
async def signal_back(workflow_id: str) -> str:
    await activity.client().get_workflow_handle(workflow_id).signal("poke", "from inside")
    return activity.client().namespace


@activity.defn
def try_in_thread() -> str:
    try:
        activity.client()
    except RuntimeError as error:
        return str(error)
    return "found"


@workflow.defn
class Poked:
    def __init__(self) -> None:
        self.word = ""

    @workflow.run
    async def run(self) -> list[str]:
        own_id = workflow.info().workflow_id
        namespace = await workflow.execute_activity(signal_back, own_id, start_to_close_timeout=TIMEOUT)
        refusal = await workflow.execute_activity(try_in_thread, start_to_close_timeout=TIMEOUT)
        await workflow.wait_condition(lambda: self.word != "")
        return [namespace, self.word, refusal.partition(":")[0]]

    @workflow.signal
    def poke(self, word: str) -> None:
        self.word = word


async def test_an_async_activity_may_use_it() -> None:
    async with (
        memory_cluster() as client,
        Worker(client, task_queue="q", workflows=[Poked], activities=[signal_back, try_in_thread]),
    ):
        result = await client.execute_workflow(Poked.run, id="poked", task_queue="q")
        assert result == ["default", "from inside", "there is no client here"]
