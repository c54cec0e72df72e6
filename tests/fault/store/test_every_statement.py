"""Every operation of the store, disturbed at each of its statements in turn.

The server refuses the statement (40001), or the connection ends before it is sent or before its answer comes. Whatever
the operation then says, the database must be as before, or as after an undisturbed run, and the caller who does what
the port says ends where it would have ended without the disturbance.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import fields
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perdure_store.activity_lists import ActivityFilter
from perdure_store.catalog import BatchRow, DeploymentRow, NamespaceRow
from perdure_store.flow import QueueSettingsRow
from perdure_store.list_query import ListQuery
from perdure_store.port import (
    ActivityExecutionRow,
    ActivityKey,
    BacklogRow,
    CommitBatch,
    DeadLetterRow,
    ExecutionKey,
    FenceLost,
    HeartbeatRow,
    PayloadCopy,
    PayloadRow,
    RequestResultRow,
    SerializationConflict,
    SnapshotRow,
    Store,
    StoreUnavailable,
    TimerKey,
    TransferKey,
    UnknownOutcome,
    WorkerRow,
)
from perdure_store.postgres import PostgresStore
from perdure_store.schedules import ScheduleRow
from tests import database_image
from tests.database_image import Image, without_clocks
from tests.disturbed_connection import COUNTING, Aimed, Fate, disturb, let_refuse
from tests.store_rows import Owner, close, execution, history, run_id, task, timer, visible

COCKROACH_DSN = os.environ.get("PERDURE_COCKROACH_DSN", "")
SERVERS = ["read committed", "serializable", *(["cockroach"] if COCKROACH_DSN else [])]
LOSSES = (Fate.LOSE, Fate.LOSE_ANSWER)

ORDER = ExecutionKey(0, "default", "order-1")
LETTER = DeadLetterRow(0, run_id("letter"), 1, "inbox", "why", b"data")
BATCH = BatchRow("default", "b1", 1, 1, b"op", "query", "why", "me", 50, b"", 10, 0, 0, 1_000, 0)
DEPLOYMENT = DeploymentRow("default", "shop", 1, b"routing")
WITNESS = RequestResultRow(0, run_id("a"), "r1", 1, b"")
SETTINGS = QueueSettingsRow("default", "main", 1, 1, b"limits")
SCHEDULE = ScheduleRow("default", "nightly", 1, 5_000, True, b"spec", b"progress")
CHARGE = ActivityExecutionRow(
    0, run_id("charge"), 7, "default", "charge-1", "charge", "main", 2, 1, 1_000, 2_000, 0, "r3", "", b"result"
)
PIECE = PayloadRow(0, run_id("a"), b"h" * 16, b"piece")


class Scene(NamedTuple):
    """A database with one of everything, its image, and a store on it that nothing has happened to yet."""

    dsn: str
    store: Store
    weather: Aimed
    fates: tuple[Fate, ...]
    before: Image
    batch: CommitBatch


Act = Callable[[Scene], Awaitable[Any]]

EVERYTHING: dict[str, list[Any]] = {
    "closes": [close("a")],
    "executions": [execution("b")],
    "history": [history("a", 2), history("b", 1)],
    "snapshots": [SnapshotRow(0, run_id("a"), 2, b"new")],
    "transfer_deletes": [TransferKey(0, run_id("a"), 1, 2)],
    "transfer_inserts": [task("b", 2)],
    "keyed_inserts": [task("b", 3, fairness_key="tenant", fairness_weight=2_000, cost=5)],
    "transfer_backlogs": [BacklogRow(0, run_id("b"), 1, 2, 9)],
    "heartbeats": [HeartbeatRow(0, run_id("a"), 1, 3, b"beat")],
    "workers": [WorkerRow(0, run_id("a"), 1, 3, 1, "worker-1")],
    "timer_deletes": [TimerKey(*timer("a")[:5])],
    "timer_inserts": [timer("b")],
    "request_results": [WITNESS._replace(request_id="r2")],
    "dead_letters": [LETTER._replace(letter_id=run_id("another"))],
    "payloads": [PIECE._replace(hash=b"i" * 16)],
    "payload_copies": [PayloadCopy(0, 0, run_id("a"), run_id("b"), PIECE.hash)],
    "activities": [CHARGE._replace(number=8)],
}
"""A batch that writes to every table."""

ACTS: dict[str, Act] = {
    "cluster": lambda scene: scene.store.cluster(),
    "beat": lambda scene: scene.store.beat("engine-1", "host"),
    "retire": lambda scene: scene.store.retire("engine-2"),
    "acquire_shard": lambda scene: scene.store.acquire_shard(3, "engine-2"),
    "release_shard": lambda scene: scene.store.release_shard(0, 1),
    "shard": lambda scene: scene.store.shard(0),
    "shards": lambda scene: scene.store.shards(),
    "commit": lambda scene: scene.store.commit(scene.batch),
    "load": lambda scene: scene.store.load([ORDER]),
    "read_history": lambda scene: scene.store.read_history(0, run_id("a")),
    "read_payloads": lambda scene: scene.store.read_payloads(0, "default", run_id("a"), [PIECE.hash]),
    "last_history_row": lambda scene: scene.store.last_history_row(0, run_id("a")),
    "request_exists": lambda scene: scene.store.request_exists(0, run_id("a"), "r1"),
    "timers": lambda scene: scene.store.timers(0, after=None, until_us=9_000, limit=9),
    "next_timer": lambda scene: scene.store.next_timer(0, 0),
    "outstanding": lambda scene: scene.store.outstanding(0, after=None, limit=9),
    "transfer_rows": lambda scene: scene.store.transfer_rows([TransferKey(0, run_id("a"), 1, 3)]),
    "backlog": lambda scene: scene.store.backlog("default", "main", 1, 3, {0: 0}, limit=9),
    "backlog_queues": lambda scene: scene.store.backlog_queues(),
    "upsert_visibility": lambda scene: scene.store.upsert_visibility([visible("a", version=2), visible("b")]),
    "list_visibility": lambda scene: scene.store.list_visibility(ListQuery("default"), limit=9),
    "count_visibility": lambda scene: scene.store.count_visibility(ListQuery("default")),
    "delete_visibility": lambda scene: scene.store.delete_visibility("default", [run_id("a")]),
    "dead_letters": lambda scene: scene.store.dead_letters(limit=9),
    "dead_letter": lambda scene: scene.store.dead_letter(LETTER.letter_id),
    "delete_dead_letter": lambda scene: scene.store.delete_dead_letter(LETTER.letter_id),
    "delete_request_results": lambda scene: scene.store.delete_request_results(5, 9),
    "retentions": lambda scene: scene.store.retentions(),
    "set_retention": lambda scene: scene.store.set_retention("default", 5_000),
    "closed_namespaces": lambda scene: scene.store.closed_namespaces(0),
    "expired_runs": lambda scene: scene.store.expired_runs(
        0, "default", closed_from_us=0, closed_before_us=9_000, limit=9
    ),
    "delete_history": lambda scene: scene.store.delete_history(0, 1, run_id("old"), 1),
    "namespaces": lambda scene: scene.store.namespaces(),
    "put_namespace": lambda scene: scene.store.put_namespace(NamespaceRow("short", 60_000, 1_000)),
    "delete_namespace": lambda scene: scene.store.delete_namespace("old"),
    "search_attribute_types": lambda scene: scene.store.search_attribute_types("default"),
    "add_search_attributes": lambda scene: scene.store.add_search_attributes("default", {"Amount": 3, "New": 3}),
    "remove_search_attribute": lambda scene: scene.store.remove_search_attribute("default", "Amount"),
    "insert_batch": lambda scene: scene.store.insert_batch(BATCH._replace(batch_id="b2")),
    "update_batch": lambda scene: scene.store.update_batch(BATCH._replace(revision=2, done=5)),
    "batch": lambda scene: scene.store.batch("default", "b1"),
    "batches": lambda scene: scene.store.batches("default", limit=9),
    "running_batches": lambda scene: scene.store.running_batches(),
    "delete_batches": lambda scene: scene.store.delete_batches(9_000),
    "deployments": lambda scene: scene.store.deployments(),
    "insert_deployment": lambda scene: scene.store.insert_deployment(DEPLOYMENT._replace(name="other")),
    "update_deployment": lambda scene: scene.store.update_deployment(DEPLOYMENT._replace(revision=2, data=b"new")),
    "delete_deployment": lambda scene: scene.store.delete_deployment("default", DEPLOYMENT.name, DEPLOYMENT.revision),
    "delete_runs": lambda scene: scene.store.delete_runs(0, 1, [run_id("old")]),
    "queue_settings": lambda scene: scene.store.queue_settings(),
    "insert_queue_settings": lambda scene: scene.store.insert_queue_settings(SETTINGS._replace(task_queue="gpu")),
    "update_queue_settings": lambda scene: scene.store.update_queue_settings(SETTINGS._replace(revision=2, data=b"")),
    "has_backlog_keys": lambda scene: scene.store.has_backlog_keys("default", "main", 1, [3]),
    "backlog_keys": lambda scene: scene.store.backlog_keys("default", "main", 1, after=(0, ""), limit=9),
    "keyed_backlog": lambda scene: scene.store.keyed_backlog("default", "main", 1, 3, {"": {0: 0}}, limit=9),
    "backlog_depths": lambda scene: scene.store.backlog_depths("default"),
    "load_activities": lambda scene: scene.store.load_activities([ActivityKey(0, CHARGE.run_id)]),
    "delete_expired_activities": lambda scene: scene.store.delete_expired_activities(
        0, 1, "default", closed_before_us=9_000, now_us=9_000, limit=9
    ),
    "delete_overdue_activities": lambda scene: scene.store.delete_overdue_activities(0, 1, now_us=9_000, limit=9),
    "activity_namespaces": lambda scene: scene.store.activity_namespaces(0),
    "list_activities": lambda scene: scene.store.list_activities(ActivityFilter("default", 1), after=None, limit=9),
    "count_activities": lambda scene: scene.store.count_activities(ActivityFilter("default", 1)),
    "insert_schedule": lambda scene: scene.store.insert_schedule(SCHEDULE._replace(schedule_id="weekly")),
    "schedule": lambda scene: scene.store.schedule("default", SCHEDULE.schedule_id),
    "schedules": lambda scene: scene.store.schedules("default", after_id="", limit=9),
    "due_schedules": lambda scene: scene.store.due_schedules(9_000, after=None, limit=9),
    "waiting_schedules": lambda scene: scene.store.waiting_schedules(after=None, limit=9),
    "update_schedules": lambda scene: scene.store.update_schedules([SCHEDULE._replace(revision=2, next_us=6_000)]),
    "redefine_schedule": lambda scene: scene.store.redefine_schedule(SCHEDULE._replace(revision=2, definition=b"new")),
    "delete_schedule": lambda scene: scene.store.delete_schedule("default", SCHEDULE.schedule_id),
}
"""Each operation, once, on a `Scene`."""

ELSEWHERE = {"connect", "close", "migrate", "unfinished_steps"}
"""Disturbed by the suite of the store (tests/conformance/store/test_migration.py)."""


def test_every_operation_of_the_port_is_disturbed() -> None:
    ports = [port for port in Store.__mro__ if port.__module__.startswith("perdure_store")]
    operations = {name for port in ports for name in vars(port) if not name.startswith("_")}
    assert operations - ELSEWHERE == set(ACTS)
    assert {field.name for field in fields(CommitBatch)} - {"shards"} == set(EVERYTHING)


class Server(NamedTuple):
    dsn: str
    isolation: str
    cockroach: bool


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    if request.param == "cockroach":
        return Server(request.getfixturevalue("cockroach_dsn"), "serializable", True)
    dsn = request.getfixturevalue("emptied_database_dsn")
    let_refuse(dsn)
    return Server(dsn, request.param, False)


@pytest.fixture
async def scene(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    weather = Aimed()
    disturb(monkeypatch, weather, cockroach=server.cockroach)
    store = PostgresStore(server.dsn, isolation=server.isolation)
    await store.migrate(16)
    await store.connect()
    owner = await Owner.of(store, 0)
    old = execution("old", workflow_id="order-0", status=2, close_time_us=1_000)
    await owner.commit(
        executions=[execution("a"), old],
        history=[history("a", 1), history("old", 1), history("old", 2)],
        transfer_inserts=[task("a", 2), task("a", 3), task("a", 4, backlog=True)],
        timer_inserts=[timer("a")],
        snapshots=[SnapshotRow(0, run_id("a"), 1, b"old")],
        request_results=[WITNESS],
        dead_letters=[LETTER],
        payloads=[PIECE],
        activities=[CHARGE],
    )
    await store.upsert_visibility([visible("a"), visible("old", status=2, close_time_us=1_000)])
    await store.beat("engine-2", "host")
    await store.add_search_attributes("default", {"Amount": 3})
    await store.put_namespace(NamespaceRow("old", 60_000, 1_000))
    await store.insert_batch(BATCH)
    await store.insert_deployment(DEPLOYMENT)
    await store.insert_queue_settings(SETTINGS)
    await store.insert_schedule(SCHEDULE)
    before = database_image.take(server.dsn)
    # A lost connection is the same at every isolation: it is tried at one.
    fates = (Fate.CONFLICT, *(() if server.isolation == "read committed" else LOSSES))
    yield Scene(server.dsn, store, weather, fates, before, owner.batch(**EVERYTHING))
    await store.close()


@pytest.fixture
def cockroach_dsn() -> Iterator[str]:
    """A database of its own on the node of `PERDURE_COCKROACH_DSN`."""
    name = f"perdure_test_{uuid.uuid4().hex}"
    with psycopg.connect(COCKROACH_DSN, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield make_conninfo(COCKROACH_DSN, dbname=name)
        connection.execute(f"DROP DATABASE {name} CASCADE")


@pytest.mark.parametrize("name", ACTS)
async def test_a_disturbed_operation_is_whole_or_was_never_there(scene: Scene, name: str) -> None:
    act = ACTS[name]
    await act(scene)  # so that connections are open, and statements prepared
    database_image.put_back(scene.dsn, scene.before)
    scene.weather.aim()
    result = await act(scene)
    sent = list(scene.weather.sent)
    after = database_image.take(scene.dsn)
    assert sent
    for number, statement in enumerate(sent):
        for fate in scene.fates:
            database_image.put_back(scene.dsn, scene.before)
            scene.weather.aim(number, fate)
            said = await _carry_out(scene, act, name, after)
            scene.weather.aim()
            now = database_image.take(scene.dsn)
            about = f"statement {number} of {len(sent)} ({statement[:40]!r}) {fate.name}"
            if COUNTING.isdisjoint(sent) or (fate is Fate.CONFLICT and len(sent) == 1):
                assert said == result, about
                assert without_clocks(now) == without_clocks(after), about
            else:
                assert type(said) is type(result), about


async def _carry_out(scene: Scene, act: Act, name: str, after: Image) -> Any:
    """What a caller gets who does what the port says; meanwhile the database is looked at."""
    try:
        return await act(scene)
    except SerializationConflict:
        assert name == "commit", "all else is asked again by the store itself"
        _assert_image(scene, scene.before)
    except StoreUnavailable:
        _assert_image(scene, *([scene.before] if name == "commit" else [scene.before, after]), counting=name)
    except UnknownOutcome:
        assert name == "commit"
        _assert_image(scene, scene.before, after)
        if without_clocks(database_image.take(scene.dsn)) == without_clocks(after):
            with pytest.raises(FenceLost):
                await act(scene)
            return None
    return await act(scene)


def _assert_image(scene: Scene, *allowed: Image, counting: str = "") -> None:
    now = without_clocks(database_image.take(scene.dsn))
    assert now in [without_clocks(image) for image in allowed], f"{counting} left something half done"
