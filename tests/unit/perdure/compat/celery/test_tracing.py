"""One attempt: who is told what, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.compat.celery import Celery, Task, signals
from perdure.compat.celery.context import Context
from perdure.compat.celery.exceptions import Ignore, Reject
from perdure.compat.celery.tracing import carry_out
from perdure.exceptions import CancelledError

app = Celery("tracing", set_as_current=False)
told: list[Any] = []


class Telling(Task):
    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        told.append(("before_start", task_id, args))

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        told.append(("on_success", retval))

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        told.append(("on_failure", type(exc).__name__, "in work" in str(einfo)))

    def on_retry(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        told.append(("on_retry", str(exc)))

    def after_return(self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        told.append(("after_return", status))
        raise RuntimeError("nobody minds")


@app.task(base=Telling, bind=True)
def work(self: Any, what: Any = None) -> str:
    if isinstance(what, BaseException):
        raise what
    if what == "again":
        self.retry(throw=False)
    return "done"


@pytest.fixture(autouse=True)
def _listening() -> Any:
    told.clear()
    names = ("task_prerun", "task_postrun", "task_success", "task_failure", "task_retry", "task_revoked")
    receivers = {}
    for name in names:

        def receive(sender: Any, _name: str = name, **known: Any) -> None:
            told.append((_name, known.get("state")))

        receivers[name] = getattr(signals, name).connect(receive, sender=work)
    yield
    for name, receiver in receivers.items():
        assert getattr(signals, name).disconnect(receiver, sender=work)


def carried_out(*args: Any) -> Any:
    return carry_out(work, Context(id="me", args=args, kwargs={}, is_eager=True, called_directly=False))


def test_success() -> None:
    assert carried_out()[:2] == ("SUCCESS", "done")
    assert told == [
        ("task_prerun", None),
        ("before_start", "me", ()),
        ("on_success", "done"),
        ("task_success", None),
        ("after_return", "SUCCESS"),
        ("task_postrun", "SUCCESS"),
    ]


def test_failure() -> None:
    error = KeyError("k")
    ended = carried_out(error)
    assert (ended.state, ended.value) == ("FAILURE", error)
    assert [name for name, *_ in told[2:]] == ["on_failure", "task_failure", "after_return", "task_postrun"]
    assert told[2] == ("on_failure", "KeyError", True)
    assert carried_out(SystemExit()).state == "FAILURE"


def test_retry() -> None:
    assert carried_out("again").state == "RETRY"
    assert [name for name, *_ in told[2:]] == ["on_retry", "task_retry", "task_postrun"]


def test_ignored_and_rejected() -> None:
    assert carried_out(Ignore()).state == "IGNORED"
    assert carried_out(Reject("no")).state == "REJECTED"
    assert {name for name, *_ in told} == {"task_prerun", "before_start", "task_postrun"}


def test_a_cancellation_goes_on() -> None:
    with pytest.raises(CancelledError):
        carried_out(CancelledError())
    assert told[-1] == ("task_postrun", "REVOKED")
