"""Tasks that run where they are called."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.compat.celery import Celery
from perdure.compat.celery.exceptions import Ignore, ImproperlyConfigured, SecurityError

app = Celery("eager", set_as_current=False, task_always_eager=True)


@app.task(bind=True)
def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
    request = self.request
    return args, kwargs, request.id, request.is_eager, request.headers, request.retries


@app.task
def fail() -> None:
    raise KeyError("k")


def test_everything_runs_at_once() -> None:
    result = seen.apply_async((1,), {"a": 2}, task_id="me", headers={"h": 1}, countdown=60)
    assert result.get() == ((1,), {"a": 2}, "me", True, {"h": 1}, 0)
    assert (result.state, result.ready(), result.id, result.name) == ("SUCCESS", True, "me", seen.name)
    assert seen.delay(object).get()[0] == (object,)


def test_what_fails() -> None:
    result = fail.delay()
    assert (result.state, result.failed()) == ("FAILURE", True)
    assert "KeyError" in (result.traceback or "")
    with pytest.raises(KeyError):
        result.get()
    assert isinstance(result.get(propagate=False), KeyError)
    with pytest.raises(KeyError):
        fail.apply(throw=True)
    app.conf.task_eager_propagates = True
    with pytest.raises(KeyError):
        fail.delay()
    del app.conf["task_eager_propagates"]


def test_one_that_is_ignored_has_the_state_that_it_gave_itself() -> None:
    @app.task(bind=True, name="eager.own_state")
    def own_state(self: Any) -> None:
        self.update_state(state="HALFWAY", meta=3)
        raise Ignore

    result = own_state.delay()
    assert (result.state, result.info) == ("HALFWAY", 3)


def test_callbacks_run_too() -> None:
    collected: list[Any] = []

    @app.task(name="eager.collect")
    def collect(*values: Any) -> None:
        collected.append(values)

    link = {"task": "eager.collect", "args": [7], "kwargs": {}, "options": {}, "immutable": False}
    seen.apply_async((1,), link=link, task_id="a")
    fail.apply_async(link_error={**link, "immutable": True}, task_id="b")
    assert [values[-1] for values in collected] == [7, 7]
    assert len(collected[1]) == 1


def test_options_are_checked() -> None:
    with pytest.raises(ImproperlyConfigured, match="the option exchange="):
        seen.apply_async(exchange="x")
    with pytest.raises(SecurityError, match="pickle"):
        seen.apply_async(serializer="pickle")
