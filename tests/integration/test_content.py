"""Large values on real servers: a conversation is stored once, however often it is passed, and read by whoever may."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from perdure import activity, workflow
from perdure.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from perdure.common import Payload, WorkflowIDConflictPolicy
from perdure.converter import DataConverter, PayloadCodec
from perdure.protocol.content import hashes_of, join_hashes
from perdure.protocol.events import decode_records
from perdure.protocol.frontend import GetContent, decode_content_page
from perdure.worker import Worker
from tests.cluster import Cluster

CALLS = 100
WORDS_A_CALL = 1_500
"""Two thousand tokens a call, by the usual three words for four tokens: 200,000 in the end."""

MINUTE = timedelta(minutes=1)
ROW_OVERHEAD_BYTES = 100
"""Of each row, and its entry in the index of the primary key."""

TABLES = ("executions", "history_events", "snapshots", "payloads", "transfer_tasks", "timer_tasks", "request_results",
          "executions_visibility")  # fmt: skip
Message = dict[str, str]
USE_EXISTING = WorkflowIDConflictPolicy.USE_EXISTING


def words(seed: int, count: int) -> str:
    dice = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(dice.choices(letters, k=dice.randint(2, 10))) for _ in range(count))


@activity.defn
async def call_model(messages: list[Message]) -> Message:
    assert [message["role"] for message in messages[:2]] == ["user", "assistant"][: len(messages)]
    return {"role": "assistant", "content": words(len(messages), WORDS_A_CALL // 2)}


@workflow.defn
class Agent:
    @workflow.run
    async def run(self, calls: int, messages: list[Message], runs: int) -> list[Message]:
        for _ in range(calls):
            messages.append({"role": "user", "content": words(-len(messages), WORDS_A_CALL // 2)})
            messages.append(await workflow.execute_activity(call_model, messages, start_to_close_timeout=MINUTE))
        if runs > 1:
            workflow.continue_as_new(args=[calls, messages, runs - 1])
        return messages


async def stored(cluster: Cluster, workflow_id: str) -> dict[str, int]:
    """Bytes of all rows of a workflow, by table."""
    async with await psycopg.AsyncConnection.connect(cluster.postgres_dsn) as connection:
        runs = "SELECT run_id FROM perdure.executions WHERE workflow_id = %s"
        sizes = {}
        for table in TABLES:
            query: Any = (
                f"SELECT coalesce(sum(pg_column_size(t.*) + {ROW_OVERHEAD_BYTES}), 0) FROM perdure.{table} AS t "
                f"WHERE t.run_id IN ({runs})"
            )
            row = await (await connection.execute(query, (workflow_id,))).fetchone()
            assert row is not None
            sizes[table] = int(row[0])
        return sizes


async def test_a_conversation_of_200_000_tokens_takes_less_than_10_mb(cluster: Cluster, client: Client) -> None:
    """The model calls run in another worker than the workflow: what is new of the conversation is fetched each time."""
    queues = {"task_queue": "agents", "workflows": [Agent], "activities": [call_model]}
    async with Worker(client, **queues), Worker(client, **queues), asyncio.timeout(60):
        handle = await client.start_workflow(Agent.run, args=[CALLS, [], 1], id="agent", task_queue="agents")
        messages = await handle.result()
    assert sum(len(message["content"].split()) for message in messages) == CALLS * WORDS_A_CALL
    events = (await handle.fetch_history()).events
    passed = sum(len(getattr(event.attributes, "input", b"")) for event in events)
    sizes = await stored(cluster, "agent")
    assert passed > 50_000_000, "what would be stored without the payload store"
    assert sum(sizes.values()) < 10_000_000, sizes
    assert sum(sizes.values()) < 3_000_000, f"it took 1.7 MB when this was written: {sizes}"


async def test_what_follows_a_run_has_its_own_content(cluster: Cluster, client: Client) -> None:
    """Large arguments by start, by continue-as-new, and a large result, each run read after the one before is gone."""
    given = [{"role": "user", "content": words(1, 30_000)}, {"role": "assistant", "content": words(2, 30_000)}]
    async with (
        Worker(client, task_queue="agents", workflows=[Agent], activities=[call_model], max_cached_workflows=0),
        asyncio.timeout(60),
    ):
        handle = await client.start_workflow(Agent.run, args=[3, given, 3], id="agent", task_queue="agents")
        messages = await handle.result()
    assert messages[:2] == given
    assert len(messages) == 2 + 3 * 3 * 2
    async with await psycopg.AsyncConnection.connect(cluster.postgres_dsn, autocommit=True) as connection:
        query = (
            "SELECT run_id::text, shard_id FROM perdure.executions WHERE shard_id >= 0 "
            "ORDER BY start_time_us, close_time_us"
        )
        rows = await (await connection.execute(query)).fetchall()
        first, last = rows[0], rows[-1]
        await connection.execute("DELETE FROM perdure.payloads WHERE run_id = %s", (first[0],))
    assert len(rows) == 3
    events = (await client.get_workflow_handle("agent", run_id=last[0]).fetch_history()).events
    assert words(1, 30_000).encode() in events[0].attributes.input


@workflow.defn
class Expert:
    def __init__(self) -> None:
        self._told: list[Message] = []

    @workflow.run
    async def run(self, messages: list[Message]) -> list[Message]:
        await workflow.wait_condition(lambda: bool(self._told))
        return [*messages, {"role": "assistant", "content": f"{len(self._told)}, {words(len(messages), 1_500)}"}]

    @workflow.signal
    def tell(self, messages: list[Message]) -> None:
        self._told = messages


@workflow.defn
class Panel:
    @workflow.run
    async def run(self, messages: list[Message], experts: int) -> int:
        for number in range(experts):
            handle = await workflow.start_child_workflow(Expert.run, messages, id=f"expert-{number}")
            await handle.signal(Expert.tell, messages)
            messages = await handle
        return len(messages)


async def test_a_conversation_that_goes_to_children_and_comes_back_is_in_each_run_once(
    cluster: Cluster, client: Client
) -> None:
    """The children live on other shards; their parent is never kept in memory, so that all is read again each time."""
    given = [{"role": "user", "content": words(1, 30_000)}]
    experts = 8
    async with (
        Worker(client, task_queue="panel", workflows=[Panel, Expert], max_cached_workflows=0),
        asyncio.timeout(60),
    ):
        handle = await client.start_workflow(Panel.run, args=[given, experts], id="panel", task_queue="panel")
        assert await handle.result() == 1 + experts
    last = client.get_workflow_handle(f"expert-{experts - 1}", result_type=list[Message])
    assert [message["role"] for message in await last.result()] == ["user", *["assistant"] * experts]
    passed = sum(
        len(getattr(event.attributes, name, b""))
        for event in (await handle.fetch_history()).events
        for name in ("input", "result")
    )
    panel, expert = await stored(cluster, "panel"), await stored(cluster, f"expert-{experts - 1}")
    assert passed > 24 * 200_000
    assert sum(panel.values()) < 500_000, panel
    assert sum(expert.values()) < 500_000, expert


@workflow.defn
class Notes:
    def __init__(self) -> None:
        self._messages: list[Message] = []

    @workflow.run
    async def run(self, messages: list[Message]) -> int:
        await workflow.wait_condition(lambda: len(self._messages) > 2)
        return len(messages) + len(self._messages)

    @workflow.signal
    def note(self, messages: list[Message]) -> None:
        self._messages += messages

    @workflow.update
    def extend(self, messages: list[Message]) -> list[Message]:
        self._messages += messages
        return self._messages

    @extend.validator
    def check(self, messages: list[Message]) -> None:
        if not messages[0]["content"]:
            raise ValueError("nothing to note")


async def test_updates_and_what_a_start_brings_along_are_kept_once(cluster: Cluster, client: Client) -> None:
    given = [{"role": "user", "content": words(1, 30_000)}]
    how: dict[str, Any] = {"id": "notes", "task_queue": "notes"}
    async with Worker(client, task_queue="notes", workflows=[Notes], max_cached_workflows=0), asyncio.timeout(60):
        handle = await client.start_workflow(Notes.run, given, start_signal="note", start_signal_args=[given], **how)
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(Notes.extend, [{"role": "", "content": ""}, *given])
        assert await handle.execute_update(Notes.extend, given, id="u") == [*given, *given]
        start = WithStartWorkflowOperation(Notes.run, given, id_conflict_policy=USE_EXISTING, **how)
        grown = await client.execute_update_with_start_workflow(Notes.extend, given, start_workflow_operation=start)
        assert grown == given * 3
        assert await handle.result() == 4
    assert await handle.get_update_handle("u", result_type=list[Message]).result() == given * 2
    sizes = await stored(cluster, "notes")
    assert sum(sizes.values()) < 500_000, sizes


class Scrambled(PayloadCodec):
    """Every byte is another one."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload({"encoding": b"scrambled"}, bytes(byte ^ 1 for byte in payload.SerializeToString()))
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload.FromString(bytes(byte ^ 1 for byte in payload.data)) for payload in payloads]


async def test_what_a_codec_encodes_goes_whole_to_activities_and_children(cluster: Cluster, client: Client) -> None:
    given = [{"role": role, "content": words(1, 15_000)} for role in ("user", "assistant")]
    converter = replace(DataConverter.default, payload_codec=Scrambled())
    async with (
        await Client.connect(cluster.address, data_converter=converter) as coded,
        Worker(coded, task_queue="panel", workflows=[Panel, Expert, Agent], activities=[call_model]),
        asyncio.timeout(60),
    ):
        result = await coded.execute_workflow(Panel.run, args=[given, 2], id="panel", task_queue="panel")
        agent = await coded.execute_workflow(Agent.run, args=[2, given, 2], id="agent", task_queue="panel")
    assert result == 4
    assert agent[:2] == given
    assert len(agent) == 2 + 2 * 2 * 2
    for workflow_id in ("panel", "expert-1", "agent"):
        assert (await stored(cluster, workflow_id))["payloads"] == 0


async def test_nobody_reads_the_content_of_another_run(cluster: Cluster, client: Client) -> None:
    """Whoever knows a hash, but not the run that has it, gets nothing."""
    given = [{"role": "user", "content": words(1, 30_000)}]
    start = {"args": [0, given, 1], "task_queue": "nobody"}
    one = await client.start_workflow(Agent.run, id="one", **start)
    other = await client.start_workflow(Agent.run, args=[0, [], 1], id="other", task_queue="nobody")
    async with await psycopg.AsyncConnection.connect(cluster.postgres_dsn) as connection:
        query = "SELECT data FROM perdure.history_events WHERE run_id = %s"
        row = await (await connection.execute(query, (one.first_execution_run_id,))).fetchone()
    assert row is not None
    names = hashes_of(decode_records(row[0])[0].attributes.input)
    assert names

    async def read(namespace: str, handle: Any) -> int:
        connection = client._connection
        shard_id = connection.transport.shard_id("default", handle.id)
        request = GetContent(namespace, shard_id, handle.first_execution_run_id, join_hashes(names))
        return len((await connection.ask_frontend(request, decode_content_page)).pieces)

    assert await read("default", one) == len(names)
    assert await read("default", other) == 0
    assert await read("another", one) == 0
