"""What people write about workflows, activities and timers, and where they find it again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from perdure import activity, workflow
from perdure.client import WithStartWorkflowOperation
from perdure.common import WorkflowIDConflictPolicy
from perdure.worker import Worker
from tests.memory_cluster import memory_cluster

TIMEOUT = timedelta(seconds=10)


@activity.defn
async def look() -> None: ...


@workflow.defn
class Noted:
    def __init__(self) -> None:
        self.is_over = False

    @workflow.run
    async def run(self, depth: int) -> None:
        workflow.set_current_details(f"at depth {depth}")
        await workflow.execute_activity(look, start_to_close_timeout=TIMEOUT, summary="looks")
        await workflow.sleep(0.001, summary="rests")
        if depth:
            child = await workflow.start_child_workflow(Noted.run, 0, id="child", static_summary="small")
            await child.signal(Noted.end)
            await child
        await workflow.wait_condition(lambda: self.is_over)

    @workflow.signal
    def end(self) -> None:
        self.is_over = True

    @workflow.update
    def finish(self) -> None:
        self.is_over = True


async def test_notes_are_found_again() -> None:
    async with memory_cluster() as client, Worker(client, task_queue="q", workflows=[Noted], activities=[look]):
        handle = await client.start_workflow(
            Noted.run, 1, id="w", task_queue="q", static_summary="one line", static_details="and *more*"
        )
        metadata: dict[str, Any] = await handle.query("__temporal_workflow_metadata")
        assert metadata["currentDetails"] == "at depth 1"
        described = await handle.describe()
        assert (await described.static_summary(), await described.static_details()) == ("one line", "and *more*")
        await handle.execute_update(Noted.finish)
        await handle.result()
        closed = await handle.describe()
        assert (await closed.static_summary(), await closed.static_details()) == ("one line", "and *more*")
        child = await client.get_workflow_handle("child").describe()
        assert (await child.static_summary(), await child.static_details()) == ("small", None)
        history = await handle.fetch_history()
        notes = [
            event["userMetadata"]["summary"] for event in history.to_json_dict()["events"] if "userMetadata" in event
        ]
        assert len(notes) == 4, "the workflow, the activity, the timer, the child"

        start = WithStartWorkflowOperation(
            Noted.run,
            0,
            id="another",
            task_queue="q",
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary="begun by an update",
        )
        await client.execute_update_with_start_workflow(Noted.finish, start_workflow_operation=start)
        another = await start.workflow_handle()
        await asyncio.wait_for(another.result(), 10)
        assert await (await another.describe()).static_summary() == "begun by an update"
