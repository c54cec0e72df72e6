"""The private event loop of one workflow: asyncio's tasks and futures, without a clock and without I/O.

Role: runs what is ready, in order, until nothing is. `asyncio.sleep`, `gather`, `wait_for`, `timeout`, `TaskGroup`,
`Queue`, `Event` and `Lock` work as they are; what they make of timers becomes durable timers.

Rules:
- The same history gives the same order of callbacks. Tasks hash by their order of creation, so that sets of them
  (asyncio keeps several) iterate alike on every replay.
- Nothing here blocks, and nothing looks at a clock: `time()` is the workflow's time.
- The loop runs on whatever thread activates the workflow, inside of that thread's own loop.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import contextvars
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVarTuple

from perdure.workflow.errors import ReadOnlyContextError, WorkflowIOError
from perdure.workflow.runtime import running

logger = logging.getLogger("perdure.workflow")

_Ts = TypeVarTuple("_Ts")

_TASKS_KEPT = 64
"""Finished tasks that the list of tasks may hold before it is swept."""

_NO_LOOP = (None, None, None, None)

_get_running_loop = asyncio.events._get_running_loop
_set_running_loop = asyncio.events._set_running_loop

_CLOSE_ATTEMPTS = 100
"""How often a coroutine may refuse to be closed by waiting again."""

_REFUSALS_MAX = 1_000
"""How often code that is being closed may try to act."""


class WorkflowEvicted(BaseException):
    """Raised in code that is being closed because its worker lets the workflow go: it must not act any more."""


class LoopOwner(Protocol):
    """What the loop asks of the workflow that it runs."""

    replaying: bool
    read_only: bool

    def start_timer(
        self, seconds: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Any, summary: str
    ) -> asyncio.TimerHandle: ...


class _NoOwner:
    """Who owns a loop that is closed, so that what is left of a workflow is freed without a search for cycles."""

    replaying = True
    read_only = True

    def start_timer(
        self, seconds: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Any, summary: str
    ) -> asyncio.TimerHandle:
        raise WorkflowEvicted


_NO_OWNER = _NoOwner()


class WorkflowTask(asyncio.Task[Any]):
    """A task whose hash is its order of creation among the tasks of its workflow."""

    _order = 0

    def __hash__(self) -> int:
        # asyncio keeps all tasks of the process in one set, which must not see such hashes: many workflows would
        # collide in it. It hashes while the task is being made, before it has its order.
        return self._order or id(self) >> 4


class _ReadyHandle(asyncio.Handle):
    """A callback to be run. Leaner than its base, of which one is made for every step of every task."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True


class WorkflowEventLoop(asyncio.AbstractEventLoop):
    """See the module's docstring.

    Attributes:
        now_us: The workflow's time.
    """

    def __init__(self, owner: LoopOwner) -> None:
        self._owner: LoopOwner = owner
        self.now_us = 0
        self._ready: deque[Any] = deque()
        self._conditions: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._tasks: list[WorkflowTask] = []
        self._tasks_swept_at = _TASKS_KEPT
        self._order = 0
        self._is_closing = False
        self._refusals = 0
        self._outer: tuple[Any, Any, Any, Any] = _NO_LOOP

    # Running ---------------------------------------------------------------------------------------------------------
    def __enter__(self) -> None:
        """Make this the running loop of the thread."""
        outer = _get_running_loop()
        self._outer = (outer, running.runtime, _swap_current_task(outer, None), sys.get_asyncgen_hooks())
        sys.set_asyncgen_hooks(None, None)
        _set_running_loop(self)
        running.runtime = self._owner

    def __exit__(self, *exc_info: object) -> None:
        """Make the outer loop the running one again."""
        outer, outer_runtime, outer_task, hooks = self._outer
        running.runtime = outer_runtime
        _set_running_loop(outer)
        sys.set_asyncgen_hooks(*hooks)
        _swap_current_task(outer, outer_task)
        self._outer = _NO_LOOP

    def leave(self) -> None:
        """Exit if that was cut short: code that keeps the thread is interrupted wherever it stands."""
        if self._outer is not _NO_LOOP:
            self.__exit__()

    def run_until_idle(self) -> None:
        """Run callbacks, then wake who waits for a condition that has come true, until there is nothing left to run.

        Raises whatever a callback raises (tasks keep their errors to themselves).
        """
        ready = self._ready
        while True:
            while ready:
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._context.run(handle._callback, *handle._args)
            if not self._conditions or not self._wake_conditions():
                return

    def _wake_conditions(self) -> bool:
        waiting = []
        for condition, future in self._conditions:
            if future.done():
                continue
            try:
                if condition():
                    future.set_result(None)
                else:
                    waiting.append((condition, future))
            except Exception as error:
                future.set_exception(error)
        self._conditions = waiting
        return bool(self._ready)

    def wait_for_condition(self, condition: Callable[[], bool]) -> asyncio.Future[None]:
        """A future that is done once `condition()` holds after a batch of callbacks."""
        future = self.create_future()
        self._conditions.append((condition, future))
        return future

    # What asyncio asks of a loop -------------------------------------------------------------------------------------
    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = _ReadyHandle(callback, args, contextvars.copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        self.check_may_act()
        return self._owner.start_timer(delay, callback, args, context, "")

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_later(when - self.time(), callback, *args, context=context)

    def time(self) -> float:
        return self.now_us / 1_000_000

    def create_future(self) -> asyncio.Future[Any]:
        if self._is_closing:
            self._refuse_to_act()
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None, **_: Any
    ) -> asyncio.Task[Any]:
        if self._is_closing or self._owner.read_only:
            coro.close()
            self.check_may_act()
        order = self.next_order()
        task = WorkflowTask(coro, loop=self, name=name or f"Task-{order}", context=context)
        task._order = order
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # a workflow may be let go at any time
        self._tasks.append(task)
        if len(self._tasks) > self._tasks_swept_at:
            self._tasks = [task for task in self._tasks if not task.done()]
            self._tasks_swept_at = 2 * len(self._tasks) + _TASKS_KEPT
        return task

    def create_task_next(self, coro: Any, *, name: str, context: contextvars.Context) -> None:
        """Make a task whose first step runs before all that is ready by now."""
        self.create_task(coro, name=name, context=context)
        self._ready.rotate(1)

    def next_order(self) -> int:
        """The place of a new task, or of another future that may be kept in sets, among all of this workflow."""
        self._order += 1
        return self._order

    def check_may_act(self) -> None:
        """Raise if the code that runs is being closed, or may only look."""
        if self._is_closing:
            self._refuse_to_act()
        elif self._owner.read_only:
            raise ReadOnlyContextError(
                "a query handler or a validator must not change its workflow, start anything or wait"
            )

    def _refuse_to_act(self) -> None:
        """For code that is being closed. What catches even this, again and again, is let wait, where `_close` gives it
        up: nothing comes of what it starts."""
        self._refusals += 1
        if self._refusals <= _REFUSALS_MAX:
            raise WorkflowEvicted

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio asks to be told of timers of its own kind; there is nothing to do."""

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self._is_closing

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio has to say when nobody asked for an exception."""
        if self._is_closing or self._owner.replaying:
            return
        error = context.get("exception")
        logger.warning("In a workflow: %s", context.get("message"), exc_info=error)

    # Letting go ------------------------------------------------------------------------------------------------------
    def unfinished_tasks(self) -> list[WorkflowTask]:
        return [task for task in self._tasks if not task.done()]

    def close(self) -> None:
        """Close every coroutine that still waits, inside of this loop, where it cannot act: `finally` blocks run, but
        what they would start raises `WorkflowEvicted`. Nothing runs afterwards."""
        if self._is_closing:
            return
        for task in self._tasks:
            if task.done() and task._log_traceback:  # nobody asked for its exception
                self.call_exception_handler({"message": f"{task!r} failed", "exception": task.exception()})
        self._is_closing = True
        self._ready.clear()
        self._conditions.clear()
        unfinished = self.unfinished_tasks()
        self._tasks.clear()
        if unfinished:
            with self:
                for task in reversed(unfinished):
                    _close(task.get_coro())
        self._ready.clear()
        self._owner = _NO_OWNER


def _close(coroutine: Coroutine[Any, Any, Any] | Any) -> None:
    for _ in range(_CLOSE_ATTEMPTS):
        try:
            coroutine.close()
        except RuntimeError:  # it waits again, in a `finally`: from there, again
            continue
        except BaseException as error:
            logger.debug("A workflow raised %r while it was let go.", error)
        return
    _never_let_go.append(coroutine)
    logger.warning("A workflow cannot be let go: %r waits again whenever it is closed.", coroutine)


_never_let_go: list[Any] = []
"""Coroutines that cannot be closed. Were they freed, Python would try again, outside of any workflow."""


_swap_current_task: Callable[[Any, Any], Any] = getattr(
    # Python 3.14 knows one current task a thread, older ones one a loop.
    asyncio.tasks,
    "_swap_current_task",
    lambda loop, task: None,
)


def _refuse(name: str, cure: str) -> Callable[..., Any]:
    def refuse(self: WorkflowEventLoop, *args: Any, **kwargs: Any) -> Any:
        raise WorkflowIOError(f"{name} cannot be replayed, so a workflow must not use it: {cure}")

    refuse.__name__ = name
    return refuse


_FORBIDDEN = {
    "run_in_executor": "call an activity (threads, asyncio.to_thread and executors belong there)",
    "call_soon_threadsafe": "send the workflow a signal",
    **dict.fromkeys(
        (
            "create_connection",
            "create_server",
            "create_unix_connection",
            "create_datagram_endpoint",
            "subprocess_exec",
            "subprocess_shell",
            "getaddrinfo",
            "getnameinfo",
            "sock_connect",
            "sock_recv",
            "sock_sendall",
            "add_reader",
            "add_writer",
            "add_signal_handler",
            "run_forever",
            "run_until_complete",
        ),
        "call an activity, which may do it",
    ),
}
for _name, _cure in _FORBIDDEN.items():
    setattr(WorkflowEventLoop, _name, _refuse(_name, _cure))
