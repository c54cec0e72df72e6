"""A start happens if, and only if, the transaction that it belongs to commits; and then once, whoever is killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from perdure import activity, workflow
from perdure.client import Client
from perdure.outbox import Outbox, OutboxRelay, OutboxTable
from perdure.outbox.statements import statement
from perdure.protocol.replies import ReplyKind, Started
from perdure.service import RPCError, RPCStatusCode
from perdure.worker import Worker
from tests.cluster import PERDURE, ROOT, Cluster
from tests.fake_engine import client_of
from tests.waiting import wait_until

NEVER_LOOK = timedelta(hours=1)
"""A relay that does not look by itself within the test: it must be told."""

HOLD_COMMIT = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER DELETE ON perdure_outbox
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();
"""
"""The commit of whoever deletes waits for the lock 7."""


@workflow.defn
class Order:
    @workflow.run
    async def run(self, number: int) -> int:
        return number


@workflow.defn
class Open:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)


class Stage:
    """An application's database with an outbox, and a worker that notes what ran."""

    def __init__(self, client: Client, dsn: str) -> None:
        self.client = client
        self.dsn = dsn
        self.task_queue = uuid.uuid4().hex
        self.noted: list[str] = []
        self.outbox = Outbox()
        self.options: dict[str, Any] = {
            "task_queue": self.task_queue,
            "start_to_close_timeout": timedelta(seconds=30),
        }

    @activity.defn
    async def note(self, name: str) -> None:
        self.noted.append(name)

    def start(self, connection: Any, name: str, outbox: Outbox | None = None) -> Any:
        return (outbox or self.outbox).start_activity(connection, "note", name, id=name, **self.options)

    async def wait_noted(self, *names: str) -> None:
        """Until exactly these ran, once each, and the outbox is empty."""

        async def all_done() -> bool:
            return len(self.noted) >= len(names) and not await self.waiting()

        await wait_until(all_done, what=f"{names} have run")
        assert sorted(self.noted) == sorted(names)

    async def waiting(self) -> list[str]:
        return [entry.execution_id for entry in await OutboxTable(self.dsn).entries(limit=1000)]

    async def exists(self, activity_id: str) -> bool:
        try:
            await self.client.get_activity_handle(activity_id).describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True


@pytest.fixture(scope="module")
def application_dsn(shared_database_dsn: str) -> str:
    """The outbox of this module's tests. It may be anywhere; here it is a schema of the engine's server."""
    dsn = psycopg.conninfo.make_conninfo(shared_database_dsn, options="-c search_path=application")
    with psycopg.connect(shared_database_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA application")
    asyncio.run(OutboxTable(dsn).create())
    return dsn


@pytest.fixture
async def stage(shared_cluster: Cluster, application_dsn: str) -> AsyncIterator[Stage]:
    client = await Client.connect(shared_cluster.address)
    stage = Stage(client, application_dsn)
    with psycopg.connect(application_dsn) as connection:
        connection.execute("DELETE FROM perdure_outbox")
    worker = Worker(client, task_queue=stage.task_queue, workflows=[Order, Open], activities=[stage.note])
    async with client, worker:
        yield stage


def unique(*names: str) -> list[str]:
    suffix = uuid.uuid4().hex[:8]
    return [f"{name}-{suffix}" for name in names]


async def test_what_is_rolled_back_never_happens_and_what_is_committed_happens_at_once(stage: Stage) -> None:
    undone, done, order = unique("undone", "done", "order")
    async with OutboxRelay(stage.client, stage.dsn, poll_interval=NEVER_LOOK):
        with psycopg.connect(stage.dsn) as connection:
            stage.start(connection, undone)
            connection.rollback()
            stage.start(connection, done)
            started = stage.outbox.start_workflow(connection, Order.run, 7, id=order, task_queue=stage.task_queue)
            connection.commit()
        await stage.wait_noted(done)
        assert await stage.client.get_workflow_handle(started.id).result() == 7
        assert not await stage.exists(undone)


async def test_connections_of_every_kind(stage: Stage) -> None:
    names = unique("cursor", "psycopg", "connection", "session", "async-connection", "async-session")
    cursor, psycopg_async, core, session, core_async, session_async = names
    url = f"postgresql+psycopg://{_query(stage.dsn)}"
    with psycopg.connect(stage.dsn) as connection, connection.cursor() as its_cursor:
        stage.start(its_cursor, cursor)
    async with await psycopg.AsyncConnection.connect(stage.dsn) as other:
        await stage.start(other, psycopg_async)
    engine, engine_async = create_engine(url), create_async_engine(url)
    with engine.begin() as sql_connection:
        stage.start(sql_connection, core)
    with Session(engine) as sql_session, sql_session.begin():
        stage.start(sql_session, session)
    async with engine_async.begin() as sql_async:
        await stage.start(sql_async, core_async)
    async with AsyncSession(engine_async) as async_session, async_session.begin():
        await stage.start(async_session, session_async)
    engine.dispose()
    await engine_async.dispose()
    async with OutboxRelay(stage.client, stage.dsn):
        await stage.wait_noted(*names)


def _query(dsn: str) -> str:
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    database = given.pop("dbname")
    return f"/{database}?" + "&".join(f"{key}={str(value).replace(' ', '%20')}" for key, value in given.items())


async def test_an_application_that_is_killed_right_after_its_commit(stage: Stage) -> None:
    [name] = unique("killed")
    command = [sys.executable, "-m", "tests.integration.outbox.caller", stage.dsn, name, stage.task_queue]
    async with OutboxRelay(stage.client, stage.dsn):
        ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, timeout=60)
        assert ended.returncode == -9
        await stage.wait_noted(name)


async def test_a_relay_that_is_killed_between_the_start_and_the_delete(stage: Stage, shared_cluster: Cluster) -> None:
    [name] = unique("twice-sent")
    with psycopg.connect(stage.dsn, autocommit=True) as holder:
        holder.execute(HOLD_COMMIT)
        holder.execute("SELECT pg_advisory_lock(7)")
        with psycopg.connect(stage.dsn) as connection:
            stage.start(connection, name)
        relay = shared_cluster.start_worker(*PERDURE, "outbox", "run", "--postgres", stage.dsn)
        waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

        async def commits() -> int | None:
            assert relay.running, relay.output
            found = holder.execute(waiting).fetchone()
            return found and found[0]

        backend = await wait_until(commits, what="a relay that is about to commit")
        relay.kill()
        holder.execute("SELECT pg_terminate_backend(%s)", (backend,))

        async def is_gone() -> bool:
            return holder.execute(waiting).fetchone() is None

        await wait_until(is_gone, what="the end of its transaction")
        holder.execute("DROP FUNCTION hold CASCADE")
        assert await stage.exists(name), "the engine has it"
    assert await stage.waiting() == [name], "and the outbox, too"
    async with OutboxRelay(stage.client, stage.dsn):
        await stage.wait_noted(name)


async def test_two_relays_share_the_work(stage: Stage) -> None:
    names = unique(*(f"shared{number}" for number in range(60)))
    async with OutboxRelay(stage.client, stage.dsn), OutboxRelay(stage.client, stage.dsn):
        async with await psycopg.AsyncConnection.connect(stage.dsn) as connection:
            for name in names:
                await stage.start(connection, name)
                await connection.commit()
        await stage.wait_noted(*names)


async def test_transactions_that_commit_in_another_order_than_that_of_their_rows(stage: Stage) -> None:
    first, second = unique("first", "second")
    async with OutboxRelay(stage.client, stage.dsn, poll_interval=NEVER_LOOK):
        with psycopg.connect(stage.dsn) as early, psycopg.connect(stage.dsn) as late:
            stage.start(early, first)
            stage.start(late, second)
            late.commit()
            await stage.wait_noted(second)
            early.commit()
        await stage.wait_noted(first, second)


async def test_what_is_refused_is_kept_blocks_nobody_and_can_be_retried(stage: Stage) -> None:
    taken, free = unique("taken", "free")
    table = OutboxTable(stage.dsn)
    holder = await stage.client.start_workflow(Open.run, id=taken, task_queue=stage.task_queue)
    async with OutboxRelay(stage.client, stage.dsn, poll_interval=NEVER_LOOK):
        with psycopg.connect(stage.dsn) as connection:
            stage.outbox.start_workflow(connection, Order.run, 1, id=taken, task_queue=stage.task_queue)
            stage.start(connection, free)

        async def refused() -> Any:
            return await table.entries(refused=True)

        [entry] = await wait_until(refused, what="a start that is refused")
        assert (entry.execution_id, entry.attempts, entry.type) == (taken, 1, "Order")
        assert "already" in entry.reason
        await wait_until(lambda: stage.exists(free), what="the start beside it")
        await holder.terminate()
        assert await table.retry([entry.id]) == [entry.id]

        async def settled() -> bool:
            return not await table.entries()

        await wait_until(settled, what="an outbox that is empty")
        assert await stage.client.get_workflow_handle(taken).result() == 1


async def test_who_does_not_notify_tells_by_a_call(stage: Stage) -> None:
    silent = Outbox(notify=False)
    [name] = unique("silent")
    async with (
        OutboxRelay(stage.client, stage.dsn, poll_interval=NEVER_LOOK),
        await psycopg.AsyncConnection.connect(stage.dsn) as connection,
    ):
        await stage.start(connection, name, silent)
        await connection.commit()
        await silent.notify(connection)
        await connection.commit()
        await stage.wait_noted(name)


async def test_one_that_is_not_answered_holds_up_nobody(application_dsn: str) -> None:
    """An engine that never answers one start, in place of a real one."""

    def answer(number: int, request: Any) -> Any:
        if request.activity_id != "silent":
            yield number, ReplyKind.OK, Started("run", True)

    table, outbox = OutboxTable(application_dsn), Outbox()
    options: Any = {"task_queue": "q", "start_to_close_timeout": timedelta(seconds=30)}
    async with client_of(answer) as (client, _):
        with psycopg.connect(application_dsn) as connection:
            for name in ("silent", "answered"):
                outbox.start_activity(connection, "note", name, id=name, **options)
        async with OutboxRelay(client, application_dsn, answer_timeout=timedelta(seconds=0.2)):

            async def put_back() -> Any:
                entries = await table.entries()
                return [entry for entry in entries if entry.attempts == 1]

            [entry] = await wait_until(put_back, what="a start that is put back")
            assert [each.execution_id for each in await table.entries()] == ["silent"]
            assert entry.due_at is not None
            assert entry.refused_at is None
            assert "no engine" in entry.reason or "answer" in entry.reason
    with psycopg.connect(application_dsn) as connection:
        connection.execute("DELETE FROM perdure_outbox")


async def test_a_relay_survives_the_loss_of_its_connections(stage: Stage) -> None:
    before, after = unique("before", "after")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'perdure outbox'"
    async with OutboxRelay(stage.client, stage.dsn):
        with psycopg.connect(stage.dsn) as connection:
            stage.start(connection, before)
            connection.commit()
            await stage.wait_noted(before)
            connection.execute(cut)
            stage.start(connection, after)
            connection.commit()
            await stage.wait_noted(before, after)


def test_an_outbox_that_was_found_empty_is_not_read_once_for_each_row(application_dsn: str) -> None:
    """After a vacuum of an empty table Postgres expects no rows, until it looks again."""
    fill = """
        INSERT INTO perdure_outbox (kind, namespace, execution_id, type, task_queue, request_id, request)
        SELECT 'workflow', 'default', '', '', '', '', repeat('x', 300)::bytea FROM generate_series(1, 5000)
    """
    with psycopg.connect(application_dsn, autocommit=True) as connection:
        connection.execute(fill)
        connection.execute("DELETE FROM perdure_outbox")
        connection.execute("VACUUM (ANALYZE, TRUNCATE false) perdure_outbox")
        with connection.transaction(force_rollback=True):
            connection.execute(fill)
            values = {"count": 500, "bytes": 1 << 23}
            plan = connection.execute("EXPLAIN " + statement("take"), values).fetchall()
    steps = "\n".join(step for (step,) in plan)
    assert "Join" not in steps
    assert "Nested Loop" not in steps
