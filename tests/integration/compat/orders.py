"""An application for tests, as a Celery program writes one; `perdure worker` runs it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from perdure.compat.celery import Celery, Task, shared_task
from perdure.compat.celery.exceptions import Ignore, SoftTimeLimitExceeded
from perdure.compat.celery.signals import task_postrun, worker_process_init, worker_ready
from perdure.compat.celery.utils.log import get_task_logger

app = Celery("orders", broker=os.environ.get("CELERY_BROKER"), backend="rpc://")
app.conf.update(
    task_routes={"tests.integration.compat.orders.to_reports": {"queue": "reports"}},
    worker_concurrency=2,
    task_track_started=True,
)
logger = get_task_logger(__name__)
entered: list[int] = []


@worker_process_init.connect
def note_process(**_known: Any) -> None:
    entered.append(os.getpid())


@worker_ready.connect
def note_ready(sender: Any, **_known: Any) -> None:
    logger.warning("ready: %s", sender)


@task_postrun.connect
def note_end(task_id: str, task: Task, state: str, **_known: Any) -> None:
    path = os.environ.get("ORDERS_JOURNAL")
    if path:
        with Path(path).open("a") as journal:
            journal.write(f"{task.name} {state}\n")


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task(bind=True, max_retries=5)
def flaky(self: Task, times: int, *, why: str = "not yet") -> dict[str, Any]:
    if self.request.retries < times:
        raise self.retry(exc=ConnectionError(why), countdown=0)
    return {"retries": self.request.retries, "id": self.request.id, "kwargs": self.request.kwargs}


@app.task(autoretry_for=(KeyError,), max_retries=1, default_retry_delay=0)
def hopeless(key: str) -> None:
    raise KeyError(key)


@shared_task
def to_reports(*, headline: str) -> tuple[str, list[int]]:
    return headline, [pid == os.getpid() for pid in entered]  # type: ignore[misc]


@app.task(bind=True)
def progress(self: Task, path: str) -> None:
    self.update_state(state="PROGRESS", meta={"done": 3})
    while not Path(path).exists():
        threading.Event().wait(0.01)
    self.update_state(state="HALFWAY", meta=["kept"])
    raise Ignore


@app.task(soft_time_limit=0.2)
def slow() -> str:
    try:
        for _ in range(3_000):
            threading.Event().wait(0.01)
    except SoftTimeLimitExceeded:
        return "cleaned up"
    return "never"


@app.task(acks_late=True, reject_on_worker_lost=True)
def die_once(path: str) -> str:
    """Its process is killed while it runs for the first time."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "the second time"


@app.task
def die(path: str) -> None:
    with Path(path).open("a") as file:
        file.write("begun\n")
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
def wait_for_ever(path: str) -> None:
    try:
        Path(path).touch()
        while True:
            threading.Event().wait(0.01)
    finally:
        Path(path).unlink()


@app.task(acks_late=True, bind=True)
def again_elsewhere(self: Task, path: str) -> None:
    Path(path).write_text(f"{self.request.retries} {self.request.delivery_info['redelivered']}")
    while True:
        threading.Event().wait(0.01)
