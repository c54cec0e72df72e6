"""`@task`: a function, sync or async, that can be called here, or enqueued to run on a worker."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from perdure.activity.definition import ActivityDefinition
from perdure.callable_types import CallableTypes, callable_types
from perdure.common import Priority, RetryPolicy
from perdure.protocol.ids import text_problem
from perdure.shared_options import takes_options_of
from perdure.tasks.arguments import InOrder, Signature, in_order
from perdure.tasks.asking import ask, wait
from perdure.tasks.canvas.signature import Group, Mapped, TaskSignature, chunks, mapped
from perdure.tasks.enqueuing import Call, enqueue, enqueue_many
from perdure.tasks.handle import TaskHandle
from perdure.tasks.options import CallOptions, Seconds, TaskOptions

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class TaskActivity(ActivityDefinition):
    """The activity that a task is for workers and workflows: its types are those of the function."""

    is_task: ClassVar[bool] = True

    @functools.cached_property
    def types(self) -> CallableTypes:
        called = cast("Task[..., Any] | InOrder", self.function)
        return callable_types(called.function, has_self=False, by_name=True)

    def of_registered(self, activity: Any) -> ActivityDefinition:
        return replace(self, function=in_order(activity)) if activity.signature.by_name else self


class Task(Generic[P, R]):
    """A task. Made by `@task`; calling it runs its function here and now.

    Attributes:
        name: How workers know it.
        function: What was decorated.
        options: How it runs unless a call says otherwise.
    """

    __name__: str
    __qualname__: str

    def __init__(self, function: Callable[P, Any], name: str, options: TaskOptions) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name
        self.options = options
        self.signature = Signature(function)
        is_async = inspect.iscoroutinefunction(function)
        self.__perdure_activity__ = TaskActivity(name, self, is_async)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Run the function itself, here and now."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<task {self.name!r} of queue {self.options.queue!r}>"

    def __reduce__(self) -> str:
        return self.__qualname__  # in another process it is found where it was defined

    def with_options(self, **changes: Any) -> Task[P, R]:
        """The same task with other options: `send.with_options(queue="slow").delay(...)`. Workers know the original."""
        return Task(self.function, self.name, replace(self.options, **changes))

    @property
    def activity_options(self) -> Mapping[str, Any]:
        """Its options for a workflow: `workflow.execute_activity(send, "ada", **send.activity_options)`."""
        return self.options.activity_options()

    # Enqueuing -------------------------------------------------------------------------------------------------------
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R]:
        """Enqueue it with these arguments; it is durable when this returns.

        Raises:
            TypeError: the arguments do not fit its parameters.
            RPCError: no engine confirmed it in time.
            RuntimeError: an event loop runs here: `adelay` is for coroutines.
        """
        call = self._call(args, kwargs)
        return wait(functools.partial(enqueue, call), instead=f"`await {self.__name__}.adelay(...)`")

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R]:
        """`delay`, in a coroutine."""
        return await ask(functools.partial(enqueue, self._call(args, kwargs)))

    @takes_options_of(Call.__init__)
    def apply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> TaskHandle[R]:
        """Enqueue it, with options of this call.

        Args:
            args, kwargs: Its arguments.
            countdown: Not before so long (seconds or a `timedelta`) from now.
            eta: Not before this moment.
            expires: Not begun later than this: a moment, or a duration from when it could begin.
            task_id: Yours to choose: the task that has it already is not enqueued a second time (`is_new` of its
                handle tells), for as long as its result is kept.
            queue, priority, retry_policy, time_limit: In place of the task's own.
            deduplication: What becomes of a call whose `task_id` is in use, or was a moment ago.

        Raises:
            ValueError: `countdown` and `eta`, or a value out of its range.
            Further, as `delay`.
        """
        call = self._call(args, kwargs or {}, **options)
        return wait(functools.partial(enqueue, call), instead=f"`await {self.__name__}.aapply_async(...)`")

    @takes_options_of(Call.__init__)
    async def aapply_async(
        self,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> TaskHandle[R]:
        """`apply_async`, in a coroutine."""
        call = self._call(args, kwargs or {}, **options)
        return await ask(functools.partial(enqueue, call))

    def delay_many(self, calls: Iterable[Sequence[Any]]) -> list[TaskHandle[R]]:
        """Enqueue it once for each of these lists of arguments, many together; all are durable when this returns."""
        many = [self._call(args, {}) for args in calls]
        return wait(functools.partial(enqueue_many, many), instead=f"`await {self.__name__}.adelay_many(...)`")

    async def adelay_many(self, calls: Iterable[Sequence[Any]]) -> list[TaskHandle[R]]:
        """`delay_many`, in a coroutine."""
        return await ask(functools.partial(enqueue_many, [self._call(args, {}) for args in calls]))

    # Putting together ------------------------------------------------------------------------------------------------
    def s(self, *args: Any, **kwargs: Any) -> TaskSignature[R]:
        """A call that is not made yet (`perdure.tasks.canvas`); the result of what comes before goes before `args`."""
        return TaskSignature(self, args, kwargs)

    def si(self, *args: P.args, **kwargs: P.kwargs) -> TaskSignature[R]:
        """The same, but it is not given the result of what comes before."""
        return TaskSignature(self, args, kwargs, is_immutable=True)

    def map(self, items: Iterable[Any]) -> Mapped:
        """It for each of these arguments, one after another; the result is the list of results."""
        return mapped(self, ((item,) for item in items))

    def starmap(self, items: Iterable[Sequence[Any]]) -> Mapped:
        """It for each of these lists of arguments, one after another; the result is the list of results."""
        return mapped(self, items)

    def chunks(self, items: Iterable[Sequence[Any]], size: int) -> Group:
        """`starmap` in pieces of this size, which run at once, each as a workflow of its own; the result is a list of
        lists.

        Raises:
            ValueError: the size is below 1, or there is no item.
        """
        return chunks(self, items, size)

    def positions(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """Arguments as they travel: in order.

        Raises:
            TypeError: they do not fit its parameters.
        """
        return self.signature.positions(args, kwargs)

    def _call(self, args: Sequence[Any], kwargs: Mapping[str, Any], **options: Unpack[CallOptions]) -> Call:
        values = self.positions(args, kwargs)
        return Call(self.name, values, self.__perdure_activity__.result_type, self.options, **options)


@overload
def task(function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str = ...,
    retry_policy: RetryPolicy = ...,
    at_most_once: bool = ...,
    time_limit: Seconds | None = ...,
    soft_time_limit: Seconds | None = ...,
    expires: Seconds | None = ...,
    heartbeat_timeout: Seconds | None = ...,
    priority: int | Priority = ...,
    result_ttl: Seconds | None = ...,
) -> TaskDecorator: ...
def task(function: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a function a task.

    Args:
        function: A function, sync or async, at the top of a module.
        name: How workers know it; by default the name of the function.
        options: Those of `TaskOptions`: `queue`, `retry_policy`, `at_most_once`, `time_limit`,
            `soft_time_limit`, `expires`, `heartbeat_timeout`, `priority`, `result_ttl`.

    Raises:
        TypeError: it is no function, or takes `**keywords`.
        ValueError: an option is out of its range.
    """
    decorator = TaskDecorator(name, TaskOptions(**options))
    return decorator if function is None else decorator(function)


class TaskDecorator:
    """What `@task(...)` is with options."""

    def __init__(self, name: str | None, options: TaskOptions) -> None:
        self._name = name
        self._options = options

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Task[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> Task[..., Any]:
        if not inspect.isfunction(function):
            raise TypeError(f"@task is for functions; {function!r} is none")
        name = self._name or function.__name__
        problem = text_problem("the name of a task", name)
        if problem is not None:
            raise ValueError(problem)
        return Task(function, name, self._options)
