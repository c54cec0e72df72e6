"""`AsyncResult`: what becomes of a task, asked for by its id from anywhere."""

from __future__ import annotations

import builtins
import functools
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from perdure.compat.celery import canvas_outcome, current, outcome, states
from perdure.compat.celery.context import running
from perdure.compat.celery.exceptions import BackendError, TimeoutError
from perdure.compat.celery.outcome import Outcome
from perdure.service import RPCError, RPCStatusCode

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

logger = logging.getLogger("perdure.compat.celery")


_may_wait: ContextVar[bool] = ContextVar("perdure_celery_may_wait", default=False)


@contextmanager
def allow_join_result() -> Iterator[None]:
    """In this block `get()` may wait inside of a task, too."""
    token = _may_wait.set(True)
    try:
        yield
    finally:
        _may_wait.reset(token)


def __getattr__(name: str) -> Any:
    """What is made of results, and needs this module."""
    if name in ("GroupResult", "ResultSet"):
        return importlib.import_module("perdure.compat.celery.group_result").GroupResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class AsyncResult:
    """One task, by its id.

    Attributes:
        id: The task id.
        parent: Of a chain: the result of the link before.
    """

    parent: AsyncResult | None = None

    def __init__(
        self,
        id: str,
        backend: Any = None,
        task_name: str | None = None,
        app: Celery | None = None,
        parent: AsyncResult | None = None,
    ) -> None:
        if not id:
            raise ValueError("an AsyncResult needs the id of a task")
        self.id = id
        self.app = app or current.get_current_app()
        self.parent = parent
        self._name = task_name
        self._known: Outcome | None = None

    def __str__(self) -> str:
        return str(self.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AsyncResult):
            return other.id == self.id
        return other == self.id if isinstance(other, str) else NotImplemented

    def __reduce__(self) -> Any:
        return type(self), (self.id, None, self._name)

    # Waiting ---------------------------------------------------------------------------------------------------------
    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = 0.5,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Callable[[str, Any], Any] | None = None,
        on_message: Any = None,
        on_interval: Any = None,
        disable_sync_subtasks: bool = True,
        **_known: Any,
    ) -> Any:
        """Wait until it is ready, and return its result.

        Args:
            timeout: At most so many seconds.
            propagate: Raise what it raised; else return the exception.
            interval: Seconds between two looks at an id that nobody knows yet.
            disable_sync_subtasks: Refuse to wait inside of a task, which might wait for its own slot.

        Raises:
            TimeoutError: it is not ready by then.
            BackendError: nobody knows the id, and no timeout was given.
            Exception: what the task raised.
        """
        if disable_sync_subtasks and running.get() and not _may_wait.get():
            raise RuntimeError(
                "Never call result.get() within a task: it holds the slot that the other one may need. Chain the "
                "tasks, or link a callback"
            )
        if follow_parents and propagate and self.parent is not None:
            _raise_failed_parent(self.parent)
        found = self._wait(None if timeout is None else _seconds(timeout), interval)
        if propagate and found.status in states.PROPAGATE_STATES and isinstance(found.result, BaseException):
            raise found.result
        if callback is not None:
            callback(self.id, found.result)
        return found.result

    wait = get

    def _wait(self, timeout_s: float | None, interval_s: float) -> Outcome:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._known is None:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            try:
                self._known = self.app.cluster.wait(self._ended, left)
            except builtins.TimeoutError:
                raise TimeoutError("The operation timed out.") from None
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                if left is None:
                    raise BackendError(
                        f"no task has the id {self.id!r}, or its result is not kept any more; to wait for one that "
                        "somebody is yet to enqueue, give a timeout"
                    ) from None
                if left == 0:
                    raise TimeoutError("The operation timed out.") from None
                time.sleep(min(left, interval_s))
        return self._known

    async def _ended(self, client: Any) -> Outcome:
        return await canvas_outcome.wait_for(self.id, client)

    @property
    def known(self) -> Outcome | None:
        """How it ended, as far as this object has learned it."""
        return self._known

    async def learn(self, client: Any) -> Outcome:
        """Wait until it has ended, and know how; of an id that nobody knows yet, know nothing."""
        try:
            self._known = await self._ended(client)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return outcome.UNKNOWN
        return self._known

    async def look(self, client: Any) -> Outcome:
        """What is known of it now."""
        found = await canvas_outcome.look_up(self.app, self.id, client)
        if found.is_ready:
            self._known = found
        return found

    # Looking ---------------------------------------------------------------------------------------------------------
    def _look(self) -> Outcome:
        return self._known if self._known is not None else self.app.cluster.wait(self.look)

    @property
    def task_id(self) -> str:
        return self.id

    @property
    def state(self) -> str:
        """PENDING (also of an unknown id), STARTED, RETRY, SUCCESS, FAILURE, REVOKED, or one of its own."""
        return self._look().status

    status = state

    @property
    def result(self) -> Any:
        """What it returned, the exception that it raised, or what it told about its state."""
        return self._look().result

    info = result

    @property
    def traceback(self) -> str | None:
        return self._look().traceback

    @property
    def date_done(self) -> datetime | None:
        return self._described().date_done

    @property
    def name(self) -> str | None:
        return self._name or self._described().name

    @property
    def queue(self) -> str | None:
        return self._described().queue

    @property
    def worker(self) -> str | None:
        return self._described().worker

    @property
    def retries(self) -> int | None:
        return self._described().retries

    @property
    def children(self) -> list[Any]:
        """Tasks that it enqueued are not kept with it."""
        return []

    def _described(self) -> Outcome:
        return self.app.cluster.wait(functools.partial(canvas_outcome.look_up, self.app, self.id))

    def ready(self) -> bool:
        """Whether it has ended."""
        return self._look().is_ready

    def successful(self) -> bool:
        return self.state == states.SUCCESS

    def failed(self) -> bool:
        return self.state == states.FAILURE

    def maybe_throw(self, propagate: bool = True, callback: Any = None) -> Any:
        """Raise what it raised, if it has; else return its result."""
        found = self._look()
        if propagate and found.status in states.PROPAGATE_STATES and isinstance(found.result, BaseException):
            raise found.result
        if callback is not None:
            callback(self.id, found.result)
        return found.result

    maybe_reraise = maybe_throw

    # Doing -----------------------------------------------------------------------------------------------------------
    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: Any = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Do not run it; with `terminate`, end it while it runs, too."""
        self.app.control.revoke(self.id, terminate=terminate, signal=signal)

    def forget(self) -> None:
        """Its result is dropped when its time is over (`result_expires`), and not before: a word in the log says so."""
        self._known = None
        self.app.note_once(
            "forget",
            "result.forget() is without effect: results are kept as the namespace, or the setting result_expires, says",
        )


class EagerResult(AsyncResult):
    """The result of a task that ran where it was called."""

    def __init__(
        self, id: str, ret_value: Any, state: str, traceback: str | None = None, name: str | None = None
    ) -> None:
        self.id = id
        self.app = current.get_current_app()
        self._name = name
        self._known = Outcome(state, ret_value, traceback, name=name)

    def __reduce__(self) -> Any:
        assert self._known is not None
        return type(self), (self.id, self._known.result, self._known.status, self._known.traceback, self._name)

    def _described(self) -> Outcome:
        assert self._known is not None
        return self._known

    def revoke(self, *args: Any, **kwargs: Any) -> None:
        """It has ended."""

    def forget(self) -> None:
        """Nobody else keeps it."""


def _raise_failed_parent(parent: AsyncResult | None) -> None:
    while parent is not None:
        if parent.ready():
            parent.maybe_throw()
        parent = parent.parent


def _seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value
