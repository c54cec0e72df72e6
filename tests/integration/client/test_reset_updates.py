"""A reset of a workflow that took updates in: the new run has them delivered again, unless they are left out."""

from __future__ import annotations

from perdure import workflow
from perdure.client import ResetReapplyExcludeType, WorkflowResetPoint
from perdure.exceptions import ApplicationError
from perdure.protocol.events import EventType
from perdure.worker import Replayer, Worker
from tests.memory_cluster import memory_cluster


@workflow.defn
class Ledger:
    def __init__(self) -> None:
        self.entries: list[int] = []
        self.is_closed = False

    @workflow.run
    async def run(self) -> list[int]:
        await workflow.wait_condition(lambda: self.is_closed and workflow.all_handlers_finished())
        return self.entries

    @workflow.update
    async def enter(self, amount: int) -> int:
        await workflow.sleep(0.001)
        self.entries.append(amount)
        return sum(self.entries)

    @enter.validator
    def check(self, amount: int) -> None:
        if sum(self.entries) + amount > 10:
            raise ApplicationError("too much")

    @workflow.signal
    def close(self) -> None:
        self.is_closed = True

    @workflow.query
    def balance(self) -> int:
        return sum(self.entries)


async def test_updates_reach_the_new_run() -> None:
    async with memory_cluster() as client, Worker(client, task_queue="q", workflows=[Ledger]):
        handle = await client.start_workflow(Ledger.run, id="w", task_queue="q")
        assert await handle.query(Ledger.balance) == 0, "the first workflow task is over"
        assert await handle.execute_update(Ledger.enter, 3, id="three") == 3
        assert await handle.execute_update(Ledger.enter, 4, id="four") == 7

        new = await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        assert await handle.execute_update(Ledger.enter, 2, id="two") == 9, "after those that it has again"
        assert await handle.get_update_handle("four", workflow_run_id=new.result_run_id).result() in (4, 7)
        kinds = [event.event_type for event in (await handle.fetch_history()).events]
        assert kinds.count(EventType.WORKFLOW_EXECUTION_UPDATE_ADMITTED) == 2

        exclude = [ResetReapplyExcludeType.UPDATE]
        await handle.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK, exclude=exclude)
        assert await handle.query(Ledger.balance) == 0

        again = client.get_workflow_handle("w", run_id=new.result_run_id)
        last = await again.reset(WorkflowResetPoint.FIRST_WORKFLOW_TASK)
        await handle.signal(Ledger.close)
        assert sorted(await last.result()) == [2, 3, 4]
        for run in (new.result_run_id, last.result_run_id):
            history = await client.get_workflow_handle("w", run_id=run).fetch_history()
            await Replayer(workflows=[Ledger]).replay_workflow(history)
