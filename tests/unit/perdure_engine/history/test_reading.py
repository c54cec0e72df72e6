"""Reads: descriptions, histories, results, tasks that were too large to travel."""

from __future__ import annotations

from perdure.protocol.events import decode_records
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    ReplyKind,
    decode_error,
    decode_history_page,
    decode_outcome,
)
from perdure.protocol.requests import (
    AwaitResult,
    DescribeWorkflow,
    GetActivityTask,
    GetHistory,
    GetWorkflowTask,
    TerminateWorkflow,
)
from perdure.protocol.tasks import INLINE_SIZE_MAX, ActivityTask, TaskKind, decode_task
from tests.engine_stage import Stage, activity, completion, done, pass_time, start_request, until

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})

DESCRIBE = DescribeWorkflow("default", "wf", "")
HISTORY = GetHistory("default", "wf", "")


async def test_a_result_is_told_when_it_comes_and_ever_after(stage: Stage) -> None:
    run_id = await stage.start()
    [waiting] = await stage.send(AwaitResult("default", "wf", ""))
    assert await stage.reply(waiting) == (ReplyKind.REGISTERED, run_id)
    entry, task = await stage.take_workflow_task()
    _, same_batch = await stage.send(completion(entry, task, done()), AwaitResult("default", "wf", ""))
    for number in (waiting, same_batch):
        assert decode_outcome((await stage.reply(number))[1]).result == b"out"
    await pass_time(2)
    for name in ("", run_id):
        outcome = decode_outcome((await stage.ask(AwaitResult("default", "wf", name)))[1])
        assert (outcome.status, outcome.result, outcome.run_id) == (ExecutionStatus.COMPLETED, b"out", run_id)


async def test_the_outcome_of_a_terminated_run_says_so(stage: Stage) -> None:
    await stage.start()
    await stage.ask(TerminateWorkflow("default", "wf", "", "enough", b"", "t", "me"))
    await pass_time(2)
    outcome = decode_outcome((await stage.ask(AwaitResult("default", "wf", "")))[1])
    assert outcome.status == ExecutionStatus.TERMINATED
    assert outcome.failure is not None
    assert outcome.failure.message == "enough"


async def test_reads_of_an_unknown_workflow_are_refused(stage: Stage) -> None:
    for request in (DESCRIBE, HISTORY, AwaitResult("default", "wf", "")):
        kind, body = await stage.ask(request)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_what_came_of_a_task_is_not_shown_to_who_is_to_do_it(stage: Stage) -> None:
    """Two workers hold the task; one completes it while the history for the other is being read."""
    await stage.start()
    await stage.decide(activity())
    await stage.finish_activity(*await stage.take_activity())
    entry, task = await stage.take_workflow_task()
    written = len(stage.commits)

    async def complete_first(method: str) -> None:
        if method == "read_history":
            stage.store_calls = None
            await stage.send(completion(entry, task, activity("b")))
            await until(lambda: any(batch.transfer_inserts for batch in stage.commits[written:]))
            await pass_time(0.1)

    stage.store_calls = complete_first
    whole = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt)
    page = decode_history_page((await stage.ask(whole))[1])
    ids = [event.event_id for data in page.records for event in decode_records(data) if event.event_id]
    assert stage.outstanding(TaskKind.ACTIVITY), "the task was completed meanwhile"
    assert ids == list(range(1, task.scheduled_event_id + 1))


async def test_a_task_that_is_over_is_to_be_dropped(stage: Stage) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    stale = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt + 1)
    assert decode_error((await stage.ask(stale))[1]).code == ErrorCode.NOT_FOUND
    await stage.complete(entry, task, activity())
    request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt)
    assert decode_error((await stage.ask(request))[1]).code == ErrorCode.NOT_FOUND
    _, running = await stage.take_activity()
    other = GetActivityTask(running.run_id, running.scheduled_event_id, running.attempt + 1)
    assert decode_error((await stage.ask(other))[1]).code == ErrorCode.NOT_FOUND


async def test_a_large_input_is_fetched(stage: Stage) -> None:
    await stage.start()
    data = b"x" * (INLINE_SIZE_MAX + 1)
    await stage.decide(activity(input=data))
    _, task = await stage.take_activity()
    assert (task.inline, task.input) == (False, b"")
    kind, body = await stage.ask(GetActivityTask(task.run_id, task.scheduled_event_id, task.attempt))
    fetched = decode_task(body)
    assert kind == ReplyKind.OK
    assert isinstance(fetched, ActivityTask)
    assert (fetched.inline, fetched.input) == (True, data)


async def test_an_answer_that_cannot_be_made_harms_nobody(stage: Stage) -> None:
    """The closed run's history cannot be read."""
    run_id = await stage.start()
    await stage.decide(done())
    await pass_time(2)
    history = stage.database.history[0, run_id]
    history[max(history)] = history[max(history)]._replace(data=b"\xff")
    [number] = await stage.send(AwaitResult("default", "wf", ""))
    await stage.start("another")
    assert not stage.has_reply(number)


async def test_a_run_whose_history_does_not_fold_is_set_aside_alone(stage: Stage) -> None:
    run_id = await stage.start()
    await stage.decide(activity())
    stage.database.history[0, run_id][1] = stage.database.history[0, run_id][1]._replace(data=b"\xff")
    stage.kill_engine("one")
    await stage.start_engine("two")
    numbers = await stage.send(DESCRIBE, DESCRIBE._replace(run_id=run_id), start_request("another"))
    kinds = [decode_error((await stage.reply(number))[1]).code for number in numbers[:2]]
    assert kinds == [ErrorCode.DEAD_LETTERED] * 2
    assert (await stage.reply(numbers[2]))[0] == ReplyKind.OK
