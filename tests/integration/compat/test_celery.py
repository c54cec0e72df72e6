"""A Celery application against real servers: called from plain code, run by `perdure worker`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.compat.celery.exceptions import TaskRevokedError, TimeoutError, WorkerLostError
from tests.cluster import PERDURE, Cluster
from tests.integration.compat.orders import (
    add,
    again_elsewhere,
    app,
    die,
    die_once,
    flaky,
    hopeless,
    progress,
    slow,
    to_reports,
    wait_for_ever,
)
from tests.waiting import wait_until

MODULE = "tests.integration.compat.orders"


@pytest.fixture
def address(cluster: Cluster) -> Iterator[str]:
    app.conf.broker_url = cluster.address
    app.set_current()
    yield cluster.address
    app.close()


def plain(path: Path) -> None:
    """What a program does."""
    assert add.delay(2, y=2).get(timeout=60) == 4
    answer = flaky.apply_async((2,), {"why": "no"}, task_id="flaky")
    assert answer.get(timeout=60) == {"retries": 2, "id": "flaky", "kwargs": {"why": "no"}}
    failed = hopeless.delay("key")
    with pytest.raises(KeyError, match="key"):
        failed.get(timeout=60)
    assert (failed.state, failed.failed(), type(failed.result)) == ("FAILURE", True, KeyError)
    assert "raise KeyError(key)" in (failed.traceback or "")
    assert to_reports.delay(headline="news").get(timeout=60) == ["news", [True]]
    assert slow.delay().get(timeout=60) == "cleaned up"
    assert die_once.delay(str(path / "once")).get(timeout=60) == "the second time"
    with pytest.raises(WorkerLostError):
        die.delay(str(path / "dead")).get(timeout=60)
    assert (path / "dead").read_text() == "begun\n"
    later = add.apply_async((1, 2), countdown=3_600)
    with pytest.raises(TimeoutError):
        later.get(timeout=0.05)
    assert later.state == "PENDING"
    later.revoke()
    assert later.state == "REVOKED"
    with pytest.raises(TaskRevokedError):
        later.get()
    unknown = app.AsyncResult("nobody")
    assert (unknown.state, unknown.ready()) == ("PENDING", False)


async def test_from_plain_code_to_a_worker_and_back(cluster: Cluster, address: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    worker = cluster.start_worker(
        *PERDURE, "worker", MODULE, environment={"CELERY_BROKER": address, "ORDERS_JOURNAL": str(journal)}
    )
    await asyncio.to_thread(plain, tmp_path)
    path = tmp_path / "go"
    seen = await asyncio.to_thread(progress.delay, str(path))

    async def in_progress() -> bool:
        return await asyncio.to_thread(lambda: (seen.state, seen.info)) == ("PROGRESS", {"done": 3})

    await wait_until(in_progress, what="it tells its state")
    path.touch()
    assert await asyncio.to_thread(functools.partial(seen.get, timeout=60)) == ["kept"]
    assert seen.state == "HALFWAY"
    endless = wait_for_ever.delay(str(tmp_path / "endless"))  # on an event loop it waits as under Celery

    async def runs() -> bool:
        return (tmp_path / "endless").exists() and endless.state == "STARTED"

    await wait_until(runs, what="it runs")
    endless.revoke()
    assert endless.state == "STARTED", "what runs goes on, unless it is to be ended"
    endless.revoke(terminate=True)
    assert endless.state == "REVOKED"

    async def is_ended() -> bool:
        return not (tmp_path / "endless").exists()

    await wait_until(is_ended, what="its code was ended")
    await asyncio.to_thread(worker.stop)
    told = journal.read_text().splitlines()
    assert f"{MODULE}.add SUCCESS" in told
    assert told.count(f"{MODULE}.flaky RETRY") == 2
    assert "ready: perdure@" in worker.output
    assert worker.output.count("at most once") == 1
    assert worker.output.count("the result backend is not used") == 1


async def test_a_worker_that_is_lost(bare_cluster: Cluster, tmp_path: Path) -> None:
    """Without `acks_late` its task has failed; with it another worker begins the task again, which is no retry."""
    bare_cluster.start_engine("--visibility-timeout", "2s")
    await bare_cluster.connect()
    app.conf.broker_url = bare_cluster.address
    command = (*PERDURE, "worker", MODULE)
    variables = {"CELERY_BROKER": bare_cluster.address}
    once, again = tmp_path / "once", tmp_path / "again"
    try:
        worker = bare_cluster.start_worker(*command, environment=variables)
        failed = await asyncio.to_thread(wait_for_ever.delay, str(once))
        await asyncio.to_thread(again_elsewhere.delay, str(again))

        async def both_run() -> bool:
            return once.exists() and again.exists()

        await wait_until(both_run, what="both run")
        worker.kill()
        bare_cluster.start_worker(*command, environment=variables)
        with pytest.raises(WorkerLostError, match="did not renew its lease"):
            await asyncio.to_thread(functools.partial(failed.get, timeout=60))

        async def is_redelivered() -> bool:
            return again.read_text() == "0 True"

        await wait_until(is_redelivered, what="another worker began it")
    finally:
        app.close()
