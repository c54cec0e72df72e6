"""Which run a request means, and what becomes of it when that run is closed, closing, asleep or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.events import EventType, decode_records
from perdure.protocol.replies import (
    ErrorCode,
    ReplyKind,
    decode_error,
    decode_started,
)
from perdure.protocol.requests import (
    RecordActivityTaskStarted,
    ReportTaskLost,
    RequestCancelWorkflow,
    RespondActivityTaskCompleted,
    SignalWorkflow,
    TerminateWorkflow,
    encode_envelope,
    numbered_request,
)
from perdure.protocol.retry import RetryPolicyData
from perdure.protocol.tasks import TaskKind
from tests.engine_stage import ACTIVITIES, Stage, activity, done, pass_time, start_request, until


def signal(request_id: str = "s", run_id: str = "", workflow_id: str = "wf") -> SignalWorkflow:
    return SignalWorkflow("default", workflow_id, run_id, "go", b"", request_id, "client")


def terminate(request_id: str = "t", run_id: str = "") -> TerminateWorkflow:
    return TerminateWorkflow("default", "wf", run_id, "enough", b"", request_id, "client")


def recorded(stage: Stage, run_id: str) -> list[str]:
    """The names of what stands in the history of a run."""
    rows = next(rows for (_, found), rows in stage.database.history.items() if found == run_id)
    records = [record for number in sorted(rows) for record in decode_records(rows[number].data)]
    return [EventType(record.event_type).name for record in records]


async def closed_run(stage: Stage) -> str:
    run_id = await stage.start()
    await stage.decide(done())
    return run_id


# Signals, cancellations, terminations -------------------------------------------------------------------------------


async def test_a_signal_repeated_after_the_close_is_answered_like_the_first(stage: Stage) -> None:
    run_id = await stage.start()
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    entry, task = await stage.take_workflow_task()
    await stage.complete(entry, task)
    await stage.decide(done())
    await pass_time(3)
    for name in ("", run_id):
        assert (await stage.ask(signal(run_id=name)))[0] == ReplyKind.OK
        kind, body = await stage.ask(signal("new", run_id=name))
        assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_what_is_repeated_after_the_close_does_not_befall_the_next_run(stage: Stage, in_one_batch: bool) -> None:
    """Nor the one after that: each run inherits what the one before it knew."""
    cancel = RequestCancelWorkflow("default", "wf", "", "", "c", "me")
    first = await stage.start()
    for asked_first in (signal(), cancel):
        assert (await stage.ask(asked_first))[0] == ReplyKind.OK
    run_id = first
    for number in (1, 2):
        again = start_request(request_id=f"again {number}")
        if in_one_batch:
            _, asked = await stage.send(terminate(f"t{number}"), again)
            _, body = await stage.reply(asked)
        else:
            await stage.ask(terminate(f"t{number}"))
            await pass_time(3)
            _, body = await stage.ask(again)
        run_id = decode_started(body).run_id
    repeated: list[Any] = [signal(), cancel, terminate("t1"), terminate("t2")]
    for request in repeated:
        assert (await stage.ask(request))[0] == ReplyKind.OK
    assert recorded(stage, run_id) == ["WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_SCHEDULED"]
    # What names a run means that run; and a new request is a new one.
    assert (await stage.ask(signal(run_id=first)))[0] == ReplyKind.OK
    assert (await stage.ask(signal("another")))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


@pytest.mark.parametrize("has_run_before", [True, False])
async def test_what_was_refused_is_refused_again_though_a_run_has_begun(stage: Stage, has_run_before: bool) -> None:
    """The second copy of a request: its sender was told that there is no such workflow."""
    if has_run_before:
        await closed_run(stage)
        await pass_time(3)
    [number] = await stage.send(signal())
    assert (await stage.reply(number))[0] == ReplyKind.ERROR
    run_id = await stage.start("wf", request_id="2")
    row = numbered_request(number, signal())
    await stage.broker.send([(0, encode_envelope(1, "stage", [row]))])
    assert (await stage.reply(number))[0] == ReplyKind.ERROR
    assert recorded(stage, run_id)[2:] == []
    assert (await stage.ask(signal()))[0] == ReplyKind.OK
    assert recorded(stage, run_id)[2:] == ["EVENT_BUFFERED"]


async def test_a_termination_repeated_in_one_batch_is_answered_twice(stage: Stage) -> None:
    await stage.start()
    numbers = await stage.send(terminate(), terminate(), signal())
    kinds = [(await stage.reply(number))[0] for number in numbers]
    assert kinds == [ReplyKind.OK, ReplyKind.OK, ReplyKind.ERROR]


async def test_a_request_for_a_workflow_that_never_was_says_so(stage: Stage) -> None:
    for request in (signal(), RequestCancelWorkflow("default", "wf", "", "", "r", "me"), terminate()):
        kind, body = await stage.ask(request)
        error = decode_error(body)
        assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)
        assert "there is no workflow 'wf' in namespace 'default'" in error.message
    unknown = "0b0c7bd1-5d55-5d0a-8f0f-6a3f3d0f2a11"
    kind, body = await stage.ask(signal(run_id=unknown))
    assert unknown in decode_error(body).message


async def test_a_completion_for_a_closed_run_is_not_wanted_and_its_entry_goes(stage: Stage) -> None:
    run_id = await closed_run(stage)
    await pass_time(1)
    late = RespondActivityTaskCompleted(run_id, 5, 1, 0, b"", "worker", b"", b"")
    kind, body = await stage.ask(late)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


@pytest.mark.parametrize(("lost", "claims"), [("another", 1), ("stage", 0)])
async def test_what_goes_on_elsewhere_keeps_its_claim_when_a_worker_is_lost(
    stage: Stage, lost: str, claims: int
) -> None:
    await stage.start()
    await stage.decide(activity(retry_policy=RetryPolicyData(100, maximum_attempts=1)))
    entry, task = await stage.take_activity()
    where = (task.run_id, task.scheduled_event_id, task.attempt)
    await stage.ask(RecordActivityTaskStarted(*where, stage.now_us(), ""))
    await stage.ask(ReportTaskLost(where[0], TaskKind.ACTIVITY, *where[1:], lost, entry.stream, entry.entry_id))
    queue = stage.server.queues[ACTIVITIES]
    await until(lambda: not queue.stream.pending)
    assert len(queue.claimed) == claims
