"""Exceptions on their way."""

from __future__ import annotations

import pickle

import pytest

from perdure.compat.celery import failures
from perdure.compat.celery.exceptions import TaskRevokedError, TimeLimitExceeded, WorkerLostError
from perdure.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError, TimeoutType


class OddError(Exception):
    def __init__(self, code: int, thing: object = None) -> None:
        super().__init__(code, thing)
        self.code = code


class BrokenError(Exception):
    def __init__(self) -> None:
        super().__init__("x", "y")

    def __str__(self) -> str:
        raise RuntimeError


def test_it_comes_out_as_it_went_in() -> None:
    for error in (KeyError("k"), ZeroDivisionError("division by zero"), OddError(7)):
        made = failures.exception_of(pickle.loads(pickle.dumps(failures.failure_of(error))))
        assert type(made) is type(error)
        assert made.args == error.args
    made = failures.exception_of(failures.failure_of(OddError(7, object())))
    assert isinstance(made, OddError)
    assert "object object at" in made.args[1]


def test_what_cannot_be_made_again_has_its_name() -> None:
    made = failures.exception_of(failures.failure_of(BrokenError()))
    assert type(made).__name__ == "BrokenError"
    assert "its text cannot be had" in str(made)

    class Local(Exception):
        """Nobody finds it by its name."""

    assert type(failures.exception_of(failures.failure_of(Local("here")))).__name__ == "Local"
    plain = failures.exception_of(ApplicationError("text", type="Foreign"))
    assert (type(plain).__name__, plain.args) == ("Foreign", ("text",))


def test_nothing_but_exceptions_is_made() -> None:
    for module, name in (("os", "system"), ("builtins", "SystemExit"), ("builtins", "eval"), ("no.such", "Module")):
        error = ApplicationError("m", {"module": module, "type": name, "args": ["true"]}, type=name)
        made = failures.exception_of(error)
        assert type(made).__module__ == "perdure.compat.celery.exceptions"
        assert made.args == ("true",)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("t", type=TimeoutType.SCHEDULE_TO_START, last_heartbeat_details=()), TaskRevokedError),
        (TimeoutError("t", type=TimeoutType.HEARTBEAT, last_heartbeat_details=()), WorkerLostError),
        (TimeoutError("t", type=TimeoutType.START_TO_CLOSE, last_heartbeat_details=()), TimeLimitExceeded),
        (CancelledError(), TaskRevokedError),
        (ApplicationError("died", type="BrokenProcessPool"), WorkerLostError),
        (ApplicationError("stopped", type="WorkerShutdown"), WorkerLostError),
        (TerminatedError("t"), TaskRevokedError),
        (ValueError("as it is"), ValueError),
    ],
)
def test_what_engines_say(error: BaseException, kind: type[BaseException]) -> None:
    assert type(failures.exception_of(error)) is kind


def test_information_about_an_exception() -> None:
    info = failures.ExceptionInfo(KeyError("k"), "the traceback")
    assert (str(info), info.type, info.tb) == ("the traceback", KeyError, None)
    assert repr(info) == "<ExceptionInfo: KeyError('k')>"
    assert failures.traceback_of(None) is None
    assert failures.traceback_of(ValueError()) is None
