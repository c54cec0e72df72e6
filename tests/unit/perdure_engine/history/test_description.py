"""What runs look like from outside, open and closed."""

from __future__ import annotations

import pytest

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.commands import ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import (
    ExecutionStatus,
    PendingChild,
    ReplyKind,
    decode_description,
)
from perdure.protocol.requests import (
    DescribeWorkflow,
    GetHistory,
    RecordActivityTaskStarted,
)
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure_engine.history.post import MESSAGE_KIND
from tests.engine_stage import Stage, activity, completion, done, pass_time, until

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})

DESCRIBE = DescribeWorkflow("default", "wf", "")
HISTORY = GetHistory("default", "wf", "")


async def test_an_open_run_is_described_with_what_is_pending(stage: Stage) -> None:
    await stage.start(memo=MEMO)
    await stage.decide(activity("a"), activity("b"))
    _, task = await stage.take_activity()
    started = RecordActivityTaskStarted(task.run_id, task.scheduled_event_id, 1, stage.now_us(), "worker")
    await stage.ask(started)
    description = decode_description((await stage.ask(DESCRIBE))[1])
    assert (description.status, description.close_time_us, description.memo) == (ExecutionStatus.RUNNING, 0, MEMO)
    states = {pending.activity_id: pending.state for pending in description.pending_activities}
    assert states == {"a": "STARTED", "b": "SCHEDULED"}
    assert description.pending_workflow_task is None


async def test_a_parent_is_described_with_its_children_and_they_with_it(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(StartChildWorkflowExecution("kid", "type", "", b"", parent_close_policy=2))
    await until(lambda: len(stage.database.executions) == 2)
    await until(lambda: not stage.outstanding(MESSAGE_KIND))
    description = decode_description((await stage.ask(DESCRIBE))[1])
    kid = PendingChild("kid", run_id_for_child(run_id, 5), "type", 5, 2)
    assert description.pending_children == (kid,)
    assert description.parent is None
    described = decode_description((await stage.ask(DESCRIBE._replace(workflow_id="kid")))[1])
    assert described.parent == ("default", "wf", run_id, 5, "wf", run_id)


async def test_an_activity_whose_outcome_waits_for_the_workflow_is_not_pending(stage: Stage) -> None:
    await stage.start()
    await stage.decide(activity("a"), activity("b"), activity("c"))
    for _ in range(2):  # the second outcome comes while a workflow task is out
        assert (await stage.finish_activity(*await stage.take_activity()))[0] == ReplyKind.OK
    description = decode_description((await stage.ask(DESCRIBE))[1])
    assert [(pending.activity_id, pending.state) for pending in description.pending_activities] == [("c", "SCHEDULED")]


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_closed_run_is_described_with_its_end(stage: Stage, in_one_batch: bool) -> None:
    run_id = await stage.start(memo=MEMO, summary="one line", static_details="more")
    entry, task = await stage.take_workflow_task()
    if in_one_batch:
        _, number = await stage.send(completion(entry, task, done()), DESCRIBE)
    else:
        await stage.complete(entry, task, done())
        await pass_time(2)
        [number] = await stage.send(DESCRIBE._replace(run_id=run_id))
    description = decode_description((await stage.reply(number))[1])
    assert (description.status, description.memo) == (ExecutionStatus.COMPLETED, MEMO)
    assert description.close_time_us >= description.start_time_us > 0
    assert description.history_length == 5
    assert (description.summary, description.static_details) == ("one line", "more")


async def test_a_closed_run_is_described_with_what_it_made_of_its_memo(stage: Stage) -> None:
    run_id = await stage.start(memo=MEMO)
    new = pack_memo({"note": None, "other": Payload({}, b"2")})
    attributes = pack_search_attributes({"Step": (int(SearchAttributeType.KEYWORD), "x")})
    entry, task = await stage.take_workflow_task()
    change = (ModifyWorkflowProperties(new), UpsertSearchAttributes(attributes))
    await stage.complete(entry, task, *change, done())
    await pass_time(2)
    [number] = await stage.send(DESCRIBE._replace(run_id=run_id))
    description = decode_description((await stage.reply(number))[1])
    assert description.memo == pack_memo({"other": Payload({}, b"2")})
    assert description.search_attributes == attributes
