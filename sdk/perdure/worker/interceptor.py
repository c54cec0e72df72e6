"""Worker interceptors: a worker is given objects that say what is to stand around its activities and its workflows.

Role: the classes that users extend, and the inputs of activities; names and fields are those of `temporalio`. What
stands around workflows is in `perdure.execution.interceptors`, with how to add a call to the chain.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perdure.activity.information import Info
from perdure.common import Payload
from perdure.execution.interceptors import WorkflowInboundInterceptor


@dataclass(frozen=True)
class WorkflowInterceptorClassInput:
    """Of `Interceptor.workflow_interceptor_class`. There is no sandbox, so that its `unsafe_extern_functions` are not
    needed, and kept for nobody."""

    unsafe_extern_functions: MutableMapping[str, Callable[..., Any]] = field(default_factory=dict)


@dataclass
class ExecuteActivityInput:
    """Of `ActivityInboundInterceptor.execute_activity`. `executor` is where a `def` activity runs; None for others."""

    fn: Callable[..., Any]
    args: Sequence[Any]
    executor: concurrent.futures.Executor | None
    headers: Mapping[str, Payload]


class ActivityInboundInterceptor:
    """What stands before an activity; extend it, and override what is of interest."""

    def __init__(self, next: ActivityInboundInterceptor) -> None:
        self.next = next

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """To intercept what the activity calls, give `self.next.init` an interceptor that stands before `outbound`."""
        self.next.init(outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """One attempt. On the worker's event loop, for `def` activities, too."""
        return await self.next.execute_activity(input)


class ActivityOutboundInterceptor:
    """What stands behind what an activity calls. From any thread."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:
        self.next = next

    def info(self) -> Info:
        """For each `activity.info()`."""
        return self.next.info()

    def heartbeat(self, *details: Any) -> None:
        """For each `activity.heartbeat()`."""
        self.next.heartbeat(*details)


class Interceptor:
    """What `Worker(interceptors=...)` takes. The first one given is the outermost."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Called for each attempt: returns what is to stand before `next`, or `next` itself."""
        return next

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """Called once a worker: the class of which each run gets an object, or None. It is made with `next` alone."""
        return None


def checked_interceptors(interceptors: Sequence[Any]) -> Sequence[Interceptor]:
    """The same, if they are what they should be.

    Raises:
        TypeError: one is no worker interceptor.
    """
    for given in interceptors:
        if not isinstance(given, Interceptor):
            raise TypeError(f"{given!r} is no worker interceptor: make its class a perdure.worker.Interceptor")
    return interceptors


def workflow_interceptor_classes(interceptors: Sequence[Interceptor]) -> tuple[type[WorkflowInboundInterceptor], ...]:
    """What the workflows of a worker with these interceptors are wrapped in, the outermost first."""
    found = (interceptor.workflow_interceptor_class(WorkflowInterceptorClassInput()) for interceptor in interceptors)
    return tuple(interceptor_class for interceptor_class in found if interceptor_class is not None)
