"""`Task`: what `@app.task` makes of a function, and the base of classes of tasks.

Rules: one object a task and application, whatever runs at the same time; what belongs to a call is in `request`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from perdure.compat.celery import activity, current, eager, links, retrying
from perdure.compat.celery.context import Context, running
from perdure.compat.celery.exceptions import ImproperlyConfigured, MaxRetriesExceededError, Retry
from perdure.compat.celery.failures import ExceptionInfo
from perdure.compat.celery.publishing import Publishing, check_serializer
from perdure.compat.celery.result import AsyncResult, EagerResult
from perdure.compat.celery.signing import Signing

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

_EXEC_OPTIONS = "queue", "routing_key", "exchange", "priority", "expires", "serializer", "time_limit", "soft_time_limit"


class FromSettings:
    """An attribute that the settings of the application say, unless the task does."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, task: Task | None, owner: type | None = None) -> Any:
        if task is None:
            return None
        own = task.__dict__.get(self._name)
        return task.app.conf[self._setting] if own is None else own

    def __set__(self, task: Task, value: Any) -> None:
        task.__dict__[self._name] = value


class Task(Signing):
    """A task. Subclasses override `run`, or are the `base` of decorated functions.

    Attributes:
        name: How workers know it.
        max_retries: How often it may be tried again; None: for ever.
        default_retry_delay: Seconds until it is, unless `retry` says otherwise.
        throws: Exceptions that are expected, as under Celery; they are logged all the same.
    """

    name: Any = None
    abstract: ClassVar[bool] = True
    typing: bool = True
    max_retries: int | None = 3
    default_retry_delay: float = 3 * 60
    autoretry_for: Sequence[type[BaseException]] = ()
    dont_autoretry_for: Sequence[type[BaseException]] = ()
    retry_kwargs: ClassVar[Mapping[str, Any]] = {}
    retry_backoff: float = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True
    queue: Any = None
    routing_key: Any = None
    exchange: Any = None
    priority: int | None = None
    expires: Any = None
    serializer: Any = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    throws: Sequence[type[BaseException]] = ()
    trail: bool = True
    send_events: bool = True
    acks_late: Any = FromSettings("task_acks_late")
    reject_on_worker_lost: Any = FromSettings("task_reject_on_worker_lost")
    track_started: Any = FromSettings("task_track_started")
    ignore_result: Any = FromSettings("task_ignore_result")
    store_eager_result: Any = FromSettings("task_store_eager_result")
    store_errors_even_if_ignored: Any = FromSettings("task_store_errors_even_if_ignored")

    MaxRetriesExceededError: ClassVar[type[MaxRetriesExceededError]] = MaxRetriesExceededError
    AsyncResult_class: ClassVar[type[AsyncResult]] = AsyncResult

    _app: Celery | None = None
    __name__: str

    @property
    def app(self) -> Celery:
        """The application that it is of; of a shared task, the current one."""
        return self._app if self._app is not None else current.get_current_app()

    def bind(self, app: Celery | None) -> None:
        """It is of this application; None: it is shared by all. Checks its options.

        Raises:
            ImproperlyConfigured: one would be missed.
        """
        self._app = app
        check(self)
        self.__name__ = getattr(self.run, "__name__", None) or str(self.name).rpartition(".")[2]

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What it does."""
        raise ImproperlyConfigured(f"the class {type(self).__qualname__} of tasks has no run(); define it")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now, as the function that it is."""
        stack = running.get()
        if stack and stack[-1][0] is self and not stack[-1][1].called_directly and not stack[-1][1].entered:
            stack[-1][1].entered = True  # from a `__call__` of a subclass
            return self.run(*args, **kwargs)
        token = running.set((*stack, (self, Context(args=args, kwargs=kwargs))))
        try:
            return self.run(*args, **kwargs)
        finally:
            running.reset(token)

    def __repr__(self) -> str:
        return f"<@task: {self.name}>"

    def __reduce__(self) -> Any:
        return _task_named, (self.name, self.__module__, self.__name__)

    @cached_property
    def task_run(self) -> activity.TaskRun:
        """What workers call."""
        return activity.TaskRun(self)

    @property
    def __perdure_activity__(self) -> Any:
        """So that clients, schedules and workflows may start it like any activity."""
        return self.task_run.__perdure_activity__

    # While it runs ---------------------------------------------------------------------------------------------------
    @property
    def request(self) -> Context:
        """What it knows of the call that it runs."""
        found = next((request for task, request in reversed(running.get()) if task is self), None)
        return Context() if found is None else found

    def attempt(self, *args: Any, **kwargs: Any) -> Any:
        """Run it for a worker: by its own `__call__`, if it has one, and with `autoretry_for`."""
        if type(self).__call__ is not Task.__call__:
            return self(*args, **kwargs)
        return retrying.run_with_autoretry(self, args, kwargs) if self.autoretry_for else self.run(*args, **kwargs)

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Retry:
        """End this attempt, and have another one made after `countdown` seconds, or at `eta`.

        Raises:
            Retry: unless `throw` is false; then it is returned, to be raised.
            BaseException: `exc`, or `MaxRetriesExceededError` without one: it was tried as often as it may be.
        """
        asked = retrying.retry(self, args, kwargs, exc, eta, countdown, max_retries, options)
        if throw:
            raise asked
        self.request.retry_asked = asked
        return asked

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None, **_known: Any
    ) -> None:
        """Have it seen in this state, with this information, until it ends or says otherwise.

        Raises:
            ImproperlyConfigured: another task is meant: each tells of itself alone.
        """
        request = self.request
        if task_id is not None and task_id != request.id:
            raise ImproperlyConfigured(f"update_state is of the task that runs, not of {task_id!r}; leave task_id out")
        if request.is_eager or request.called_directly:
            request.told = {"state": state, "meta": meta}
        else:
            activity.tell(request, state=state, meta=meta)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Called before each attempt."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Called when it has succeeded."""

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo) -> None:
        """Called when it is to be tried again."""

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo) -> None:
        """Called when it has failed."""

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo | None
    ) -> None:
        """Called after each attempt."""

    def link_success(self, request: Context, result: Any) -> None:
        """Enqueue what was linked to its success."""
        links.succeeded(self.app, request, result)

    def link_failure(self, request: Context, error: BaseException, traceback: str | None) -> None:
        """Call or enqueue what was linked to its failure."""
        links.failed(self.app, request, error, traceback)

    # Calling it ------------------------------------------------------------------------------------------------------
    def delay(self, *args: Any, **kwargs: Any) -> AsyncResult:
        """Enqueue it with these arguments; it is durable when this returns."""
        return self.apply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        producer: Any = None,
        link: Any = None,
        link_error: Any = None,
        shadow: Any = None,
        **options: Any,
    ) -> AsyncResult:
        """Enqueue it, with options of this call: `countdown`, `eta`, `expires`, `queue`, `priority` (0 first, 9 last,
        as on Redis), `headers`, `time_limit`, `soft_time_limit`, `ignore_result`.

        Args:
            task_id: Yours to choose: the task that has it already is not enqueued a second time.
            link, link_error: Signatures that are called when it has succeeded, or failed.

        Raises:
            TypeError: the arguments do not fit its parameters.
            ImproperlyConfigured: an option would be missed.
            RPCError: no engine confirmed it in time.
        """
        args, kwargs = tuple(args or ()), dict(kwargs or {})
        if self.typing:
            self.check_arguments(args, kwargs)
        app = self.app
        if app.conf.task_always_eager:
            return self.apply(args, kwargs, task_id=task_id, link=link, link_error=link_error, **options)
        options.update(task_id=task_id, link=link, link_error=link_error)
        sent = Publishing(app, self.name, args, kwargs, options)
        sent.send()
        return self.AsyncResult(sent.task_id)

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        throw: bool | None = None,
        **options: Any,
    ) -> EagerResult:
        """Run it here and now, as a worker would, retries at once.

        Args:
            throw: Raise what it raises; by default as the setting `task_eager_propagates` says.
        """
        return eager.apply(self, tuple(args or ()), dict(kwargs or {}), task_id, throw, options)

    def AsyncResult(self, task_id: str, **_known: Any) -> AsyncResult:
        """The result of one of its calls."""
        return self.AsyncResult_class(task_id, app=self.app, task_name=self.name)

    def check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raises:
        TypeError: they do not fit its parameters.
        """
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None

    def exec_options(self) -> Mapping[str, Any]:
        """Options of a call that the task itself says."""
        return {name: value for name in _EXEC_OPTIONS if (value := getattr(self, name)) is not None}

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.run)


def check(task: Task) -> None:
    """Raises:
    ImproperlyConfigured: an option of the task would be missed.
    """
    check_serializer(task.serializer)
    rate = getattr(task, "rate_limit", None)
    if rate is not None:
        raise ImproperlyConfigured(
            f"the task {task.name} has rate_limit={rate!r}: rates are those of queues, and hold across all workers. "
            "Give the task a queue of its own, and that queue a rate: `perdure queue set QUEUE --rate N`"
        )
    if getattr(task, "pydantic", False):
        raise ImproperlyConfigured(
            f"the task {task.name} has pydantic=True, which is not known to Perdure: use `perdure.task`, which "
            "converts arguments by their type hints, or call Model.model_validate(argument) in the task"
        )
    if inspect.iscoroutinefunction(task.run):
        raise ImproperlyConfigured(
            f"the task {task.name} is an `async def`, which Celery does not run either: decorate it with `perdure.task`"
        )


def _task_named(name: str, module: str, attribute: str) -> Any:
    """A task in another process: what its module has, else what the current application knows by this name."""
    found = getattr(importlib.import_module(module), attribute, None)
    return found if isinstance(found, Task) and found.name == name else current.get_current_app().tasks[name]
