"""The activity of a task: what an attempt tells the next one, and what a worker reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.compat.celery import Celery
from perdure.compat.celery.activity import IGNORED, delay_of, told_by
from perdure.compat.celery.exceptions import Ignore, Reject
from perdure.testing import ActivityEnvironment
from tests.unit.perdure.compat.celery.stage import at_work, off

app = Celery("activity", set_as_current=False)


@app.task(bind=True)
def halve(self: Any, number: int) -> Any:
    if self.request.retries == 0:
        raise self.retry(countdown=0, args=(number // 2,))
    info = self.request.delivery_info
    return number, self.request.retries, info["redelivered"], info["routing_key"], self.request.timelimit


@app.task(bind=True)
def reject_once(self: Any) -> Any:
    if not self.request.delivery_info["redelivered"]:
        raise Reject("not here", requeue=True)
    return self.request.retries


@app.task(bind=True, ignore_result=True)
def forgotten(self: Any) -> int:
    return 3


async def test_attempts_of_a_worker() -> None:
    async with at_work(app):
        sent = await off(halve.apply_async, (8,), time_limit=9, soft_time_limit=8)
        assert await off(sent.get, timeout=30) == [4, 1, False, "celery", [9, 8]]
        assert await off((await off(reject_once.delay)).get, timeout=30) == 0
        assert await off((await off(forgotten.delay)).get, timeout=30) is None


def test_what_is_kept_of_one_that_is_ignored() -> None:
    @app.task(bind=True, name="activity.ignored")
    def ignored(self: Any) -> None:
        self.update_state(state="HALF", meta=(1,))
        raise Ignore

    heard: list[Any] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: heard.append(details)
    assert environment.run(ignored.task_run) == {IGNORED: {"state": "HALF", "meta": [1]}}
    assert heard == [({"state": "HALF", "meta": [1]},)]


def test_details_of_others_are_no_word_of_ours() -> None:
    assert told_by([]) == told_by(None) == told_by(["half"]) == {}
    assert told_by([{"retries": 1}]) == {"retries": 1}


def test_when() -> None:
    assert delay_of(3) == timedelta(seconds=3)
    assert delay_of(None) == timedelta()
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert timedelta(minutes=59) < delay_of(soon) <= timedelta(hours=1)
    assert delay_of(soon.replace(tzinfo=None)) <= timedelta(hours=1)
