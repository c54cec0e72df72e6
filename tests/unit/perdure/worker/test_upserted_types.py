"""Search attributes of workflows have their types registered before an engine is told of them."""

from __future__ import annotations

from typing import Any

from perdure import workflow
from perdure.common import SearchAttributeKey
from perdure.protocol.events import encode_records
from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.requests import RespondWorkflowTaskCompleted, RespondWorkflowTaskFailed
from perdure.protocol.tasks import WorkflowTask
from perdure.worker import Worker
from tests.worker_stage import NOW_US, QUEUE, Stage, stage
from tests.workflow_story import RUN_ID, Story

STEP = SearchAttributeKey.for_keyword("Step")


@workflow.defn
class Progress:
    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([STEP.value_set("first")])
        await workflow.sleep(60)


async def give(on: Stage) -> None:
    """The first task of a run of `Progress`."""
    story = Story(Progress)
    task = WorkflowTask(
        namespace="default",
        workflow_id="wf",
        run_id=RUN_ID,
        workflow_type="Progress",
        shard_id=0,
        scheduled_event_id=story.events[-1].event_id,
        attempt=1,
        started_time_us=NOW_US,
        continues_from=0,
        events=encode_records(story.events),
    )
    await on.give(task)


async def test_a_name_is_registered_first_and_then_known() -> None:
    async with stage() as on, Worker(on.client, task_queue=QUEUE, workflows=[Progress]):
        for count in (1, 2):
            await give(on)
            await on.reports(RespondWorkflowTaskCompleted, count)
        kinds = [type(request) for request in on.engine.requests()]
        assert kinds.count(AddSearchAttributes) == 1
        assert kinds.index(AddSearchAttributes) < kinds.index(RespondWorkflowTaskCompleted)
        assert on.engine.requests(AddSearchAttributes) == [AddSearchAttributes("default", (("Step", 2),))]


async def test_another_type_fails_the_workflow_task_and_says_why() -> None:
    def conflict(request: Any) -> list[tuple[int, Any]]:
        return [(ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, "search attribute 'Step' is Int"))]

    async with stage() as on, Worker(on.client, task_queue=QUEUE, workflows=[Progress]):
        on.answers[AddSearchAttributes] = conflict
        await give(on)
        failed = await on.report(RespondWorkflowTaskFailed)
        assert "search attribute 'Step' is Int" in failed.failure.message
        assert not on.engine.requests(RespondWorkflowTaskCompleted)
