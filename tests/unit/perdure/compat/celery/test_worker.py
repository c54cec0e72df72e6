"""What a worker runs of an application: which queues, where, and who is told."""

from __future__ import annotations

import concurrent.futures
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.compat.celery import Celery, signals
from perdure.compat.celery.worker import enter_process, task_run
from perdure.worker import ProcessPool

MODULE = "tests.unit.perdure.compat.celery.test_worker"

app = Celery("worker_tests", set_as_current=False, broker="redis://h:1", backend="rpc://", worker_pool="threads")


@app.task(queue="own")
def owned() -> None: ...


@app.task(acks_late=True)
def late() -> None: ...


def test_its_queues_are_all_that_it_names() -> None:
    application = app.__perdure_application__
    assert application is app.__perdure_application__
    assert (application.address, application.queues) == ("redis://h:1", ["celery", "own"])
    app.conf.update(task_queues=[SimpleNamespace(name="a"), "b"], task_routes={"x.*": "c"})
    assert application.queues == ["a", "b", "c", "own"]
    app.conf.task_queues = {"d": {"exchange": "d"}}
    assert application.queues == ["d", "c", "own"]
    del app.conf["task_queues"], app.conf["task_routes"]
    names = {activity.__perdure_activity__.name for activity in application.activities}
    assert {owned.name, late.name} <= names


def test_where_tasks_run(caplog: pytest.LogCaptureFixture) -> None:
    application = app.__perdure_application__
    app.conf.worker_concurrency = 3
    threads = application.executor(MODULE, "127.0.0.1:1", "n")
    assert isinstance(threads, concurrent.futures.ThreadPoolExecutor)
    assert threads._max_workers == 3
    app.conf.worker_pool = "solo"
    alone = application.executor(MODULE, "127.0.0.1:1", "n")
    assert isinstance(alone, concurrent.futures.ThreadPoolExecutor)
    assert alone._max_workers == 1
    app.conf.update(worker_pool="prefork", worker_max_tasks_per_child=5, worker_max_memory_per_child=200_000)
    pool = application.executor(MODULE, "127.0.0.1:1", "n")
    assert isinstance(pool, ProcessPool)
    assert (pool.size, pool.calls_max, pool.memory_max) == (3, 5, 204_800_000)
    assert caplog.text.count("begun at most once, as under Celery") == 1
    assert caplog.text.count("the result backend is not used") == 1


def test_who_is_told() -> None:
    told: list[str] = []
    names = ("worker_ready", "worker_shutting_down", "worker_shutdown", "worker_process_init")
    receivers: list[tuple[Any, Any]] = []
    for name in names:

        def receive(_name: str = name, **_known: Any) -> None:
            told.append(_name)

        receivers.append((getattr(signals, name), getattr(signals, name).connect(receive)))
    application = app.__perdure_application__
    application.ready()
    application.stopping()
    application.stopped()
    enter_process(MODULE, "127.0.0.1:1", "n")
    assert told == list(names)
    assert task_run(owned.name) is owned.task_run
    for signal, receiver in receivers:
        signal.disconnect(receiver)
