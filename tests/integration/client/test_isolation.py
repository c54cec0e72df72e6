"""Two namespaces with the same names for everything: whatever is done in one is not seen in the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from perdure import workflow
from perdure.client import Client, RPCError, WorkflowExecutionStatus
from perdure.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from perdure.service import RPCStatusCode
from perdure.testing import WorkflowEnvironment
from perdure.worker import Worker
from tests.waiting import wait_until

QUEUE = "queue"
COLOUR = SearchAttributeKey.for_keyword("Mark")
NUMBER = SearchAttributeKey.for_int("Mark")


@workflow.defn
class Notebook:
    def __init__(self) -> None:
        self._lines: list[str] = []

    @workflow.run
    async def run(self, lines: int) -> str:
        await workflow.wait_condition(lambda: len(self._lines) == lines)
        return f"{workflow.info().namespace}: {' '.join(self._lines)}"

    @workflow.signal
    def write(self, line: str) -> None:
        self._lines.append(line)

    @workflow.query
    def read(self) -> list[str]:
        return self._lines


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_time_skipping(namespace="red") as environment:
        yield environment


@pytest.fixture
async def namespaces(environment: WorkflowEnvironment) -> AsyncIterator[tuple[Client, Client]]:
    """A client of each, and a worker of each on the task queue of the same name."""
    red = environment.client
    blue = Client(red.transport, namespace="blue")
    async with AsyncExitStack() as stack:
        for client in (red, blue):
            await stack.enter_async_context(Worker(client, task_queue=QUEUE, workflows=[Notebook]))
        yield red, blue


async def start(
    client: Client, workflow_id: str = "same", *, lines: int = 2, mark: SearchAttributePair | None = None
) -> None:
    attributes = TypedSearchAttributes([mark] if mark else [])
    await client.start_workflow(Notebook.run, lines, id=workflow_id, task_queue=QUEUE, search_attributes=attributes)


async def counted(client: Client, query: str, expected: int) -> None:
    async def look() -> bool:
        return (await client.count_workflows(query)).count == expected

    await wait_until(look, what=f"{expected} of {query} in {client.namespace}")


async def test_signals_and_queries_reach_the_workflow_of_their_namespace(namespaces: tuple[Client, Client]) -> None:
    for client in namespaces:
        await start(client)
    for client in namespaces:
        await client.get_workflow_handle("same").signal(Notebook.write, client.namespace)
    for client in namespaces:
        handle = client.get_workflow_handle("same")
        assert await handle.query(Notebook.read) == [client.namespace]
        await handle.signal(Notebook.write, "end")
        assert await handle.result() == f"{client.namespace}: {client.namespace} end"


async def test_lists_and_counts_show_their_namespace_and_a_name_has_a_type_in_each(
    namespaces: tuple[Client, Client],
) -> None:
    red, blue = namespaces
    await start(red, mark=SearchAttributePair(COLOUR, "dark"))
    await start(blue, mark=SearchAttributePair(NUMBER, 7))
    await start(blue, "another")
    await counted(red, "Mark = 'dark'", 1)
    await counted(blue, "Mark > 6", 1)
    await counted(blue, "", 2)
    assert [(row.id, row.namespace) async for row in red.list_workflows()] == [("same", "red")]
    assert {(row.id, row.namespace) async for row in blue.list_workflows("ORDER BY WorkflowId")} == {
        ("another", "blue"),
        ("same", "blue"),
    }
    with pytest.raises(RPCError, match="Mark"):
        await blue.count_workflows("Mark STARTS_WITH 'd'")


async def test_a_batch_of_the_same_id_and_query_does_its_own_namespace_alone(namespaces: tuple[Client, Client]) -> None:
    red, blue = namespaces
    for client in namespaces:
        await start(client)
        await counted(client, "WorkflowId = 'same'", 1)
    done = await (await red.batches.signal("WorkflowId = 'same'", "write", "red", id="batch")).result()
    assert (done.total, done.done) == (1, 1)
    assert await blue.get_workflow_handle("same").query(Notebook.read) == []
    with pytest.raises(RPCError) as unknown:
        await blue.batches.get_handle("batch").describe()
    assert unknown.value.status == RPCStatusCode.NOT_FOUND
    assert await blue.batches.list() == []
    assert (await (await blue.batches.delete("WorkflowId = 'same'", id="batch")).result()).done == 1
    assert await red.get_workflow_handle("same").query(Notebook.read) == ["red"]
    with pytest.raises(RPCError) as gone:
        await blue.get_workflow_handle("same").describe()
    assert gone.value.status == RPCStatusCode.NOT_FOUND


async def test_a_namespace_goes_when_its_runs_are_gone(namespaces: tuple[Client, Client]) -> None:
    red, blue = namespaces
    await red.namespaces.create("blue")
    for client in namespaces:
        await start(client)
        await counted(client, "", 1)
    with pytest.raises(RPCError, match="has 1 run, 1 running"):
        await red.namespaces.delete("blue")
    await red.namespaces.update("blue", retention=timedelta(hours=1), description="to be deleted")
    assert await blue.get_workflow_handle("same").query(Notebook.read) == [], "what runs is not concerned"
    assert (await (await blue.batches.delete("WorkflowId IS NOT NULL")).result()).done == 1
    await red.namespaces.delete("blue")
    assert (await red.namespaces.describe("blue")).created is None
    assert await red.get_workflow_handle("same").query(Notebook.read) == []


async def test_each_namespace_forgets_by_its_own_retention(
    environment: WorkflowEnvironment, namespaces: tuple[Client, Client]
) -> None:
    red, blue = namespaces
    await red.namespaces.create("blue", retention=timedelta(hours=1))
    for client in namespaces:
        await start(client, lines=0)
        await client.get_workflow_handle("same").result()
        await counted(client, "ExecutionStatus = 'Completed'", 1)
    await environment.sleep(timedelta(hours=2))
    await counted(blue, "", 0)
    assert (await red.get_workflow_handle("same").describe()).status == WorkflowExecutionStatus.COMPLETED
    await counted(red, "", 1)


async def test_on_real_servers_nothing_crosses_either(client: Client) -> None:
    """The statements of Postgres and the streams of Redis tell namespaces apart as those in memory do."""
    red, blue = (Client(client.transport, namespace=name) for name in ("red", "blue"))
    async with AsyncExitStack() as stack:
        for one in (red, blue):
            await stack.enter_async_context(Worker(one, task_queue=QUEUE, workflows=[Notebook]))
            await start(one)
            await one.get_workflow_handle("same").signal(Notebook.write, one.namespace)
            await counted(one, "WorkflowId = 'same'", 1)
        done = await (await red.batches.signal("WorkflowId = 'same'", "write", "all", id="batch")).result()
        assert (done.total, done.done) == (1, 1)
        assert await red.get_workflow_handle("same").result() == "red: red all"
        assert await blue.get_workflow_handle("same").query(Notebook.read) == ["blue"]
        await counted(red, "ExecutionStatus = 'Completed'", 1)
        await counted(blue, "ExecutionStatus = 'Running'", 1)
        assert await blue.batches.list() == []
