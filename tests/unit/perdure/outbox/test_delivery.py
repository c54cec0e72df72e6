"""Verdicts over rows: done, refused for good, or another time; none holds up the others."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from perdure.outbox import Outbox
from perdure.outbox.delivery import DONE, Delivery, Fate, Verdict
from perdure.outbox.record import encode_record
from perdure.protocol.event_types import EventType
from perdure.protocol.operations import AddSearchAttributes
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind, Started
from perdure.protocol.requests import StartWorkflow
from perdure.service import RPCError
from tests.fake_engine import client_of
from tests.memory_cluster import memory_cluster
from tests.unit.perdure.client.greeting import Greet, Rows
from tests.unit.perdure.outbox.connections import KeepingConnection


def record(workflow_id: str, **options: Any) -> bytes:
    connection = KeepingConnection()
    Outbox().start_workflow(connection, Greet.run, options.pop("arg", "ada"), id=workflow_id, task_queue="q", **options)
    data: bytes = connection.given[0][1]["request"]
    return data


def answer(number: int, request: Any) -> Rows:
    """By its id: silence, a refusal by its code, or a yes."""
    if request.workflow_id == "silent":
        return
    code = getattr(ErrorCode, request.workflow_id, None)
    if code is None:
        yield number, ReplyKind.OK, Started("run", True)
    else:
        yield number, ReplyKind.ERROR, ErrorReply(int(code), f"refused as {code.name}")


async def test_each_row_has_its_own_verdict() -> None:
    async with client_of(answer) as (client, engine):
        delivery = Delivery(client.transport, timeout_s=1.0)
        rows = [record("a"), b"\xc1", record("ALREADY_STARTED"), record("silent"), record("b")]
        first, broken, taken, silent, last = await delivery.deliver(rows)
        asked = [request.workflow_id for request in engine.requests(StartWorkflow)]
    assert set(asked) == {"a", "ALREADY_STARTED", "silent", "b"}
    assert first == last == DONE
    assert broken.fate is Fate.REFUSED
    assert "cannot be read" in broken.reason
    assert taken == Verdict(Fate.REFUSED, "refused as ALREADY_STARTED")
    assert silent.fate is Fate.UNANSWERED


@pytest.mark.parametrize("code", [ErrorCode.INVALID_ARGUMENT, ErrorCode.FAILED_PRECONDITION, ErrorCode.DEAD_LETTERED])
async def test_refusals_for_good(code: ErrorCode) -> None:
    async with client_of(answer) as (client, _):
        assert await Delivery(client.transport).deliver([record(code.name)]) == [
            Verdict(Fate.REFUSED, f"refused as {code.name}")
        ]


async def test_refusals_that_pass() -> None:
    async with client_of(answer) as (client, _):
        [verdict] = await Delivery(client.transport, timeout_s=1.0).deliver([record("DEADLINE_EXCEEDED")])
    assert verdict == Verdict(Fate.UNANSWERED, "refused as DEADLINE_EXCEEDED")


async def test_search_attributes_are_registered_first_and_once() -> None:
    async def sent(kind: int) -> list[Verdict]:
        def registry(number: int, request: Any) -> Rows:
            if isinstance(request, AddSearchAttributes) and kind == ReplyKind.ERROR:
                yield number, kind, ErrorReply(int(ErrorCode.INVALID_ARGUMENT), "Customer is an Int")
            else:
                yield number, ReplyKind.OK, Started("run", True)

        pair = SearchAttributePair(SearchAttributeKey.for_keyword("Customer"), "ada")
        rows = [record(name, search_attributes=TypedSearchAttributes([pair])) for name in ("a", "b")]
        async with client_of(registry) as (client, engine):
            verdicts = await Delivery(client.transport).deliver(rows)
            assert len(engine.requests(AddSearchAttributes)) == (1 if kind == ReplyKind.OK else 2)
        return verdicts

    assert await sent(ReplyKind.OK) == [DONE, DONE]
    assert await sent(ReplyKind.ERROR) == [Verdict(Fate.REFUSED, "Customer is an Int")] * 2


async def test_large_arguments_travel_beside_the_request_unless_a_codec_encoded_them() -> None:
    large = "x" * (PAYLOAD_SIZE_MAX // 4)
    async with client_of(answer) as (client, engine):
        delivery = Delivery(client.transport)
        assert await delivery.deliver([record("a", arg=large)]) == [DONE]
        assert engine.content.popitem()[1] is not None
        plain = KeepingConnection()
        Outbox().start_workflow(plain, Greet.run, large, id="b", task_queue="q")
        assert await delivery.deliver([encode_record(plain.record.request, True)]) == [DONE]
        assert engine.content.popitem()[1] is None


async def test_a_closed_client_ends_the_delivery() -> None:
    async with client_of(answer) as (client, _):
        await client.close()
        with pytest.raises(RPCError, match="closed"):
            await Delivery(client.transport).deliver([record("a")])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"id_conflict_policy": WorkflowIDConflictPolicy.TERMINATE_EXISTING},
        {"id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING},
        {"start_signal": "wave", "start_signal_args": [1]},
        {"id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE},
        {"cron_schedule": "@daily"},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_closed", [False, True])
async def test_what_is_sent_again_begins_once(options: dict[str, Any], is_closed: bool) -> None:
    """Whatever the policy: by a real engine, while the run is open and when it is closed."""
    async with memory_cluster() as client:
        delivery = Delivery(client.transport)
        row = record("once", **options)
        assert await delivery.deliver([row]) == [DONE]
        handle = client.get_workflow_handle("once")
        run_id = (await handle.describe()).run_id
        if is_closed:
            await handle.terminate()
        assert await delivery.deliver([row, row]) == [DONE, DONE]
        assert (await handle.describe()).run_id == run_id
        kinds = [EventType(event.event_type).name async for event in handle.fetch_history_events()]
    assert kinds.count("WORKFLOW_EXECUTION_STARTED") == 1
    assert kinds.count("WORKFLOW_EXECUTION_SIGNALED") == ("start_signal" in options)
    assert kinds.count("WORKFLOW_EXECUTION_TERMINATED") == is_closed
