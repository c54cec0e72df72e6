"""Queries: put to the worker that knows the run, after what was committed when they came; they write nothing."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.requests import QueryRejectCondition, QueryWorkflow, TerminateWorkflow
from perdure_broker.port import StreamKind
from perdure_engine.history import queries
from tests.engine_stage import WORKFLOWS, Stage, activity, completion, done, pass_time

STICKY = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="worker")


def query(stage: Stage, *, seconds: float = 60, **fields: Any) -> QueryWorkflow:
    request = QueryWorkflow("default", "wf", "", "how", b"args", stage.now_us() + int(seconds * 1_000_000))
    return request._replace(**fields)


async def test_a_query_goes_to_the_sticky_worker(stage: Stage) -> None:
    await stage.announce(sticky=True)
    await stage.start()
    done_task = await stage.decide(activity(), sticky_worker="worker")
    commits = len(stage.commits)
    [number] = await stage.send(query(stage))
    entry, task = await stage.take_query(STICKY)
    assert (task.reply_to, task.request_number, task.query_type, task.args) == ("stage", number, "how", b"args")
    assert task.continues_from == done_task.scheduled_event_id + 2
    await stage.broker.finish(entry.stream, [entry.entry_id])
    await pass_time(1)
    assert not any(batch.history for batch in stage.commits[commits:])


async def test_a_query_goes_to_the_queue_when_its_sticky_worker_is_gone(stage: Stage) -> None:
    await stage.start()
    await stage.decide(activity(), sticky_worker="worker")
    await stage.send(query(stage))
    await stage.take_query()


async def test_a_query_waits_for_the_workflow_task_that_is_out(stage: Stage) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    await stage.send(query(stage))
    await pass_time(0.5)
    assert not stage.server.queues[WORKFLOWS].stream.undelivered
    await stage.complete(entry, task, activity())
    _, asked = await stage.take_query()
    assert asked.continues_from == task.scheduled_event_id + 2


async def test_a_query_that_waits_is_asked_although_the_run_closes(stage: Stage) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    await stage.send(query(stage), completion(entry, task, done()))
    await stage.take_query()


async def test_a_query_on_a_closed_run_goes_to_any_worker(stage: Stage) -> None:
    """Not to an instance that a worker has kept since the run left it: none stands at the event that closed the run."""
    await stage.start()
    done_task = await stage.decide(done())
    await pass_time(2)
    await stage.send(query(stage))
    _, task = await stage.take_query()
    closed_by = done_task.scheduled_event_id + 3
    assert (task.workflow_type, task.continues_from) == ("type", closed_by)


@pytest.mark.parametrize(
    ("condition", "is_open"),
    [
        (QueryRejectCondition.NOT_OPEN, False),
        (QueryRejectCondition.NOT_COMPLETED_CLEANLY, False),
    ],
)
async def test_a_query_is_rejected_as_it_wishes(stage: Stage, condition: int, is_open: bool) -> None:
    await stage.start()
    await stage.decide(activity())
    await stage.send(query(stage, reject_condition=condition))
    await stage.take_query()
    await stage.ask(TerminateWorkflow("default", "wf", "", "enough", b"", "t", "me"))
    kind, body = await stage.ask(query(stage, reject_condition=condition))
    error = decode_error(body)
    assert (kind, error.code) == (ReplyKind.ERROR, ErrorCode.QUERY_REJECTED)
    assert "TERMINATED" in error.message


async def test_a_query_on_an_unknown_workflow_is_refused(stage: Stage) -> None:
    kind, body = await stage.ask(query(stage))
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_a_query_whose_time_is_over_is_not_asked(stage: Stage) -> None:
    await stage.start()
    entry, task = await stage.take_workflow_task()
    await stage.send(query(stage, seconds=0.3))
    await pass_time(1.2)
    await stage.complete(entry, task, activity())
    await pass_time(1)
    assert not stage.server.queues[WORKFLOWS].stream.undelivered


async def test_queries_that_wait_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "WAITING_MAX", 2)
    await stage.start()
    numbers = [(await stage.send(query(stage)))[0] for _ in range(3)]
    kind, body = await stage.reply(numbers[2])
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.RESOURCE_EXHAUSTED)
    await stage.decide(activity())
    for _ in range(2):
        await stage.take_query()
