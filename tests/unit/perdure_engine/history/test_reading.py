"""Reads: descriptions, histories, results, tasks that were too large to travel."""

from __future__ import annotations

import pytest

from perdure.protocol.child_workflow import StartChildWorkflowExecution
from perdure.protocol.codec import pack
from perdure.protocol.commands import ModifyWorkflowProperties, UpsertSearchAttributes
from perdure.protocol.events import ActivityTasksScheduledAsAsked, EventType, HistoryEvent, decode_records
from perdure.protocol.ids import run_id_for_child
from perdure.protocol.memo import pack_memo
from perdure.protocol.payload import Payload
from perdure.protocol.replies import (
    ErrorCode,
    ExecutionStatus,
    HistoryPage,
    PendingChild,
    ReplyKind,
    decode_description,
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
    RecordActivityTaskStarted,
    TerminateWorkflow,
)
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes
from perdure.protocol.tasks import INLINE_SIZE_MAX, ActivityTask, TaskKind, decode_task
from perdure_engine.history import reading
from perdure_engine.history.post import MESSAGE_KIND
from tests.engine_stage import Stage, activity, completion, done, pass_time, start_request, until

MEMO = pack_memo({"note": Payload({"encoding": b"json/plain"}, b"1")})

DESCRIBE = DescribeWorkflow("default", "wf", "")
HISTORY = GetHistory("default", "wf", "")


async def whole_history(stage: Stage, request: GetHistory) -> tuple[list[int], int]:
    """The event ids of a history, and in how many pages they came."""
    ids: list[int] = []
    pages = 0
    while True:
        kind, body = await stage.ask(request)
        assert kind == ReplyKind.OK, body
        page: HistoryPage = decode_history_page(body)
        pages += 1
        ids += [event.event_id for data in page.records for event in decode_records(data) if event.event_id]
        if not page.next_page_token:
            return ids, pages
        request = request._replace(page_token=page.next_page_token)


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


async def test_a_history_comes_in_pages(stage: Stage) -> None:
    await stage.start()
    for number in range(5):
        await stage.decide(activity(str(number)))
        await stage.finish_activity(*await stage.take_activity())
    ids, pages = await whole_history(stage, HISTORY)
    assert (ids, pages) == (list(range(1, len(ids) + 1)), 1)
    small, many = await whole_history(stage, HISTORY._replace(page_size_bytes=1))
    assert small == ids
    assert many > 5


async def test_the_pages_of_a_history_are_of_one_run_whatever_the_workflow_id_names_by_then(stage: Stage) -> None:
    await stage.start()
    first = (await stage.decide(activity())).run_id
    small = HISTORY._replace(page_size_bytes=1)
    _, body = await stage.ask(small)
    page: HistoryPage = decode_history_page(body)
    await stage.ask(TerminateWorkflow("default", "wf", "", "enough", b"", "terminate", "client"))
    second = await stage.start(request_id="second")
    assert second != first
    ids = [event.event_id for data in page.records for event in decode_records(data)]
    rest, _ = await whole_history(stage, small._replace(page_token=page.next_page_token))
    whole, _ = await whole_history(stage, HISTORY._replace(run_id=first))
    assert ids + rest == whole


async def test_a_page_token_of_another_workflow_is_refused(stage: Stage) -> None:
    await stage.start()
    other = await stage.start("other")
    kind, body = await stage.ask(HISTORY._replace(page_token=pack((1, 0, other))))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("token", [b"\xff", b"nonsense", pack(("x",)), pack((1, 2, 3)), pack((1, 2, "x")), pack((-1,))])
async def test_a_page_token_of_another_kind_is_refused(stage: Stage, token: bytes) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    about = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, token)
    for request in (HISTORY._replace(page_token=token), about):
        kind, body = await stage.ask(request)
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.INVALID_ARGUMENT)
    assert (await stage.complete(entry, task, done()))[0] == ReplyKind.OK


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


async def test_a_worker_gets_the_history_of_a_task_that_it_holds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.start(input=b"x" * 10)
    await stage.decide(*(activity(str(number)) for number in range(20)))
    await stage.finish_activity(*await stage.take_activity())
    _, task = await stage.take_workflow_task()
    whole = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt)
    page = decode_history_page((await stage.ask(whole))[1])
    events = [event for data in page.records for event in decode_records(data) if event.event_id]
    assert [event.event_id for event in events] == list(range(1, task.scheduled_event_id + 1))
    monkeypatch.setattr(reading, "PAGE_BYTES_MAX", 60)
    recent: list[HistoryEvent] = []
    request = whole._replace(after_event_id=4)
    while True:
        page = decode_history_page((await stage.ask(request))[1])
        recent += [event for data in page.records for event in decode_records(data)]
        if not page.next_page_token:
            break
        request = request._replace(page_token=page.next_page_token)
    assert (recent[0].event_id, recent[0].attributes) == (5, ActivityTasksScheduledAsAsked(20))
    wanted = [event for event in events[24:] if event.event_type != EventType.ACTIVITY_TASK_STARTED]
    assert recent[1:] == wanted


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


async def test_pages_go_on_when_the_run_is_evicted_between_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.start()
    await stage.decide(activity("a"), activity("b"))
    await stage.finish_activity(*await stage.take_activity())
    _, task = await stage.take_workflow_task()
    monkeypatch.setattr(reading, "PAGE_BYTES_MAX", 1)
    monkeypatch.setattr(reading, "EVENTS_A_PAGE", 1)
    request = GetWorkflowTask(task.run_id, task.scheduled_event_id, task.attempt, b"", 4)
    page = decode_history_page((await stage.ask(request))[1])
    [first] = [event for data in page.records for event in decode_records(data)]
    assert first.attributes == ActivityTasksScheduledAsAsked(2)
    found: list[int] = []
    state = stage.history.cache.get(task.run_id).state
    while page.next_page_token:
        state.recent = None  # as in a run that was made again from its snapshot
        request = request._replace(page_token=page.next_page_token)
        page = decode_history_page((await stage.ask(request))[1])
        found += [event.event_id for data in page.records for event in decode_records(data)]
    assert found == [8, 9]  # what the worker asked for is behind; that it started tells nothing


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
