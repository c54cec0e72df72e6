"""`AsyncResult`: waiting, looking, and ids that nobody knows."""

from __future__ import annotations

import builtins
import pickle
from typing import Any

import pytest

from perdure.compat.celery import AsyncResult, Celery, GroupResult, result
from perdure.compat.celery.exceptions import BackendError, TimeoutError
from tests.unit.perdure.compat.celery.stage import at_work, cluster_for, off

app = Celery("result", set_as_current=False)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def fail(what: str) -> None:
    raise LookupError(what)


async def test_a_result() -> None:
    async with at_work(app):
        sent = await off(add.delay, 2, 2)
        got: list[Any] = []
        assert await off(sent.get, timeout=30, callback=lambda *told: got.append(told)) == 4
        assert got == [(sent.id, 4)]
        again = app.AsyncResult(sent.id)
        assert await off(lambda: (again.state, again.result, again.ready(), again.successful())) == (
            "SUCCESS",
            4,
            True,
            True,
        )
        assert await off(lambda: (again.name, again.queue, again.traceback)) == (add.name, "celery", None)
        assert await off(lambda: (again.worker is not None, again.date_done is not None)) == (True, True)
        assert (again.children, again.task_id, str(again)) == ([], sent.id, sent.id)
        assert again == sent == sent.id
        assert hash(again) == hash(sent)


async def test_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with at_work(app):
        sent = await off(fail.delay, "it")
        with pytest.raises(LookupError, match="it"):
            await off(sent.get, timeout=30)
        assert isinstance(await off(sent.get, propagate=False), LookupError)
        assert "raise LookupError(what)" in sent.traceback
        with pytest.raises(LookupError):
            sent.maybe_throw()
        child = AsyncResult("child", app=app, parent=sent)
        with pytest.raises(LookupError):
            await off(child.get, timeout=0.01)
        sent.forget()
        sent.forget()
        assert caplog.text.count("result.forget() is without effect") == 1


async def test_what_is_not_there() -> None:
    async with cluster_for(app):
        sent = await off(app.send_task, "result.far")
        with pytest.raises(TimeoutError) as caught:
            await off(sent.get, timeout=0.01)
        assert isinstance(caught.value, builtins.TimeoutError)
        unknown = AsyncResult("nobody", app=app)
        assert await off(lambda: (unknown.state, unknown.result, unknown.failed())) == ("PENDING", None, False)
        with pytest.raises(TimeoutError):
            await off(unknown.get, timeout=0.05, interval=0.01)
        with pytest.raises(BackendError, match="no task has the id 'nobody'"):
            await off(unknown.get)
    with pytest.raises(ValueError, match="needs the id"):
        AsyncResult("", app=app)


def test_inside_of_a_task_nobody_waits() -> None:
    @app.task(name="result.wait_inside")
    def wait_inside() -> None:
        AsyncResult("other", app=app).get()

    with pytest.raises(RuntimeError, match="within a task"):
        wait_inside.apply().get()

    @app.task(name="result.wait_all_the_same")
    def wait_all_the_same() -> int:
        with result.allow_join_result():
            return int(add.apply((1, 2)).get())

    assert wait_all_the_same.apply().get() == 3


def test_groups_are_found_here_too() -> None:
    assert result.GroupResult is GroupResult
    with pytest.raises(AttributeError, match="no attribute 'odd'"):
        result.odd  # noqa: B018


def test_an_eager_one() -> None:
    copy = pickle.loads(pickle.dumps(add.apply((1, 2), task_id="me")))
    assert (copy.id, copy.get(), copy.state, copy.name) == ("me", 3, "SUCCESS", add.name)
    assert copy.date_done is None
    copy.revoke()
    copy.forget()
    assert copy.ready()
