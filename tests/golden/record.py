"""`python -m tests.golden.record`: record what this version writes and no file says yet; with `statements`, at a
release, also the SQL of its engines.

A message that lost a field, or changed one, is refused: that needs a new `CODEC_VERSION` and a reader of the old one.
Histories, and those of the catalogue, are recorded where a name has none; what is there is never changed.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from perdure.client import Client, WorkflowFailureError, WorkflowHandle
from perdure.protocol.events import decode_records
from perdure.worker import Worker
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.snapshot import encode_snapshot
from perdure_store import sql
from perdure_store.memory import MemoryStore
from tests.golden import shelf
from tests.golden.recording import record_catalogue
from tests.golden.wire import written
from tests.golden.workflows import ACTIVITIES, WORKFLOWS, GoldenCancelled, GoldenFailed, GoldenSaga
from tests.memory_cluster import memory_cluster
from tests.tidy.sql_files import QUERY_NAMES

QUEUE = "golden"


def record_wire() -> None:
    known = shelf.latest()
    new = {
        name: {"bytes": data.hex(), "meaning": meaning}
        for name, data, meaning in written()
        if name not in known or known[name].data != data
    }
    if new:
        print(f"{shelf.add_revision(new)}: {', '.join(new)}")


async def record_histories() -> None:
    missing = [make for make in RUNS if not (shelf.HISTORIES / f"{make.__name__}.json").exists()]
    for make in missing:
        store = MemoryStore()
        async with memory_cluster(store) as client:
            async with Worker(client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES):
                handle = await make(client)
            rows = [row.data for run in store.database.history.values() for _, row in sorted(run.items())]
        content = {
            "workflow_id": handle.id,
            "run_id": handle.first_execution_run_id,
            "rows": [row.hex() for row in rows],
            "snapshots": _snapshots(handle, rows),
        }
        shelf.write(shelf.HISTORIES / f"{make.__name__}.json", content)
        print(f"{make.__name__}: {len(rows)} rows")


def _snapshots(handle: WorkflowHandle[Any, Any], rows: list[bytes]) -> dict[str, str]:
    """The state after each row but the last, as it would be kept."""
    first, *others = decode_records(rows[0])
    run_id = handle.first_execution_run_id
    assert run_id is not None
    state = begin("default", handle.id, run_id, 0, first)
    fold(state, others)
    taken = {}
    for number, row in enumerate(rows[1:], 1):
        state.batch_no = number
        taken[str(number)] = encode_snapshot(state).hex()
        fold(state, decode_records(row))
    return taken


async def saga(client: Client) -> WorkflowHandle[Any, Any]:
    handle = await client.start_workflow(GoldenSaga.run, 3, id="saga", task_queue=QUEUE, memo={"who": "golden"})
    await handle.signal(GoldenSaga.approve, "ada")
    await handle.signal(GoldenSaga.approve, "grace")
    await handle.result()
    return handle


async def cancelled(client: Client) -> WorkflowHandle[Any, Any]:
    handle = await client.start_workflow(GoldenCancelled.run, id="cancelled", task_queue=QUEUE)
    await handle.cancel()
    return await _failed(handle)


async def failed(client: Client) -> WorkflowHandle[Any, Any]:
    return await _failed(await client.start_workflow(GoldenFailed.run, id="failed", task_queue=QUEUE))


async def _failed(handle: WorkflowHandle[Any, Any]) -> WorkflowHandle[Any, Any]:
    try:
        await handle.result()
    except WorkflowFailureError:
        return handle
    raise AssertionError(f"{handle.id} was to fail")


RUNS = (saga, cancelled, failed)


def record_statements() -> None:
    path = shelf.STATEMENTS / f"{sql.schema_version()}.json"
    shelf.write(path, {name: sql.query(name).decode() for name in QUERY_NAMES})
    print(path)


if __name__ == "__main__":
    record_wire()
    asyncio.run(record_histories())
    asyncio.run(record_catalogue())
    if sys.argv[1:] == ["statements"]:
        record_statements()
