"""The signal and query handlers of one workflow: those of its class, and those it sets while it runs."""

from __future__ import annotations

import asyncio
import inspect
import logging
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from perdure.converter import DataConverter
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.interception import Interception
from perdure.execution.metadata import METADATA_QUERIES, workflow_metadata
from perdure.execution.source_lines import waiting_stack
from perdure.execution.updates import WorkflowUpdates
from perdure.protocol.events import WorkflowExecutionSignaled
from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.errors import HandlerUnfinishedPolicy, UnfinishedSignalHandlersWarning
from perdure.workflow.handlers import (
    HINTS_MAX,
    QueryDefinition,
    SignalDefinition,
    replaced,
    runtime_query,
    runtime_signal,
)

logger = logging.getLogger("perdure.workflow")

STACK_TRACE_QUERY = "__stack_trace"
"""A query that every workflow answers: where each of its tasks waits, with the lines of code (Temporal has a further
query for those, `__enhanced_stack_trace`, which only its web page reads)."""


class UnanswerableQueryError(LookupError):
    """Nothing in the workflow can answer a query; the text says why."""


class UnknownQueryError(UnanswerableQueryError):
    """The workflow has no handler for a query; the text lists those that it has."""


class HandlerOwner(Protocol):
    """What the handlers ask of their workflow."""

    loop: WorkflowEventLoop
    replaying: bool
    interception: Interception | None
    current_details: str

    @property
    def updates(self) -> WorkflowUpdates: ...
    @property
    def converter(self) -> DataConverter: ...
    @property
    def definition(self) -> WorkflowDefinition: ...
    @property
    def instance(self) -> Any: ...
    def handler_failed(self, error: BaseException) -> None: ...


class HandlerRegistry:
    """See the module's docstring. `running` counts signal handlers that have begun and not ended."""

    __slots__ = ("_owner", "_queries", "_running", "_signals", "_waiting")

    def __init__(self, owner: HandlerOwner) -> None:
        self._owner = owner
        self._signals = owner.definition.signals
        self._queries = owner.definition.queries
        self._waiting: list[WorkflowExecutionSignaled] = []
        self._running: list[SignalDefinition] = []

    @property
    def running(self) -> int:
        return len(self._running)

    def signal(self, name: str | None) -> SignalDefinition | None:
        return self._signals.get(name)

    def query(self, name: str | None) -> QueryDefinition | None:
        return self._queries.get(name)

    def bound(self, definition: SignalDefinition | QueryDefinition) -> Callable[..., Any]:
        return definition.bind(self._owner.instance)

    def set_signal(self, name: str | None, handler: Callable[..., Any] | None) -> None:
        self._owner.loop.check_may_act()
        self._signals = replaced(self._signals, name, None if handler is None else runtime_signal(name, handler))
        waiting, self._waiting = self._waiting, []
        for signal in waiting:
            self.deliver(signal)

    def set_query(self, name: str | None, handler: Callable[..., Any] | None) -> None:
        self._owner.loop.check_may_act()
        self._queries = replaced(self._queries, name, None if handler is None else runtime_query(name, handler))

    # Signals ---------------------------------------------------------------------------------------------------------
    def deliver(self, signal: WorkflowExecutionSignaled) -> None:
        """Have a signal handled, in the order of arrival; keep it if nobody handles it yet."""
        definition = self._signals.get(signal.signal_name) or self._signals.get(None)
        if definition is None:
            self._waiting.append(signal)
            return
        try:
            values = self._owner.converter.from_bytes(signal.input, definition.argument_hints(HINTS_MAX))
            problem = definition.count_problem(len(values))
        except (TypeError, ValueError) as error:
            problem = str(error)
        if problem is not None:
            # A signal comes from outside: what nobody can read must not stop the workflow.
            if not self._owner.replaying:
                logger.error(
                    "Signal %r to workflow type %r is dropped, its arguments do not fit the handler: %s",
                    signal.signal_name,
                    self._owner.definition.name,
                    problem,
                )
            return
        arguments = definition.call_arguments(signal.signal_name, values)
        interception = self._owner.interception
        if interception is not None:
            self._run(definition, interception.handle_signal(signal.signal_name, arguments, signal.headers))
        elif definition.is_async:
            self._run(definition, self.bound(definition)(*arguments))
        else:
            self._owner.loop.call_soon(self._handle, definition, arguments)

    def _run(self, definition: SignalDefinition, coroutine: Coroutine[Any, Any, None]) -> None:
        self._running.append(definition)
        task = self._owner.loop.create_task(coroutine)
        task.add_done_callback(lambda done: self._handled(definition, done))

    def _handle(self, definition: SignalDefinition, arguments: Any) -> None:
        try:
            self.bound(definition)(*arguments)
        except Exception as error:
            self._owner.handler_failed(error)

    def _handled(self, definition: SignalDefinition, task: asyncio.Task[Any]) -> None:
        self._running.remove(definition)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._owner.handler_failed(error)

    def warn_of_unfinished(self) -> None:
        """The workflow is over: say so if a handler was still at work."""
        names = [d.name for d in self._running if d.unfinished_policy is HandlerUnfinishedPolicy.WARN_AND_ABANDON]
        if names and not self._owner.replaying:
            warnings.warn(
                f"workflow type {self._owner.definition.name!r} finished while handlers of the signals {names} were "
                "still running; wait for `workflow.all_handlers_finished` first, or decorate them with "
                "unfinished_policy=HandlerUnfinishedPolicy.ABANDON",
                UnfinishedSignalHandlersWarning,
                stacklevel=2,
            )

    # Queries ---------------------------------------------------------------------------------------------------------
    def answer(self, name: str, arguments: bytes, headers: bytes = b"", query_id: str = "") -> bytes:
        """The encoded result of a query.

        Raises:
            UnknownQueryError: there is no such handler.
            Exception: whatever the handler raises.
        """
        definition = self._queries.get(name)
        if definition is None:
            if name == STACK_TRACE_QUERY:
                return self._owner.converter.value_to_bytes(self._stack_trace())
            if name in METADATA_QUERIES:
                return self._owner.converter.value_to_bytes(self._metadata())
            definition = self._queries.get(None)
        if definition is None:
            known = ", ".join(sorted(filter(None, self._queries))) or "none"
            raise UnknownQueryError(
                f"workflow type {self._owner.definition.name!r} has no query {name!r}; it has: {known} "
                f"(and {STACK_TRACE_QUERY}, {METADATA_QUERIES[0]})"
            )
        values = self._owner.converter.from_bytes(arguments, definition.argument_hints(HINTS_MAX))
        problem = definition.count_problem(len(values))
        if problem is not None:
            raise TypeError(problem)
        given = definition.call_arguments(name, values)
        interception = self._owner.interception
        if interception is None:
            result = self.bound(definition)(*given)
        else:
            result = interception.handle_query(query_id, name, given, headers)
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError(f"query handler {name!r} returned a coroutine; it must be a plain `def`")
        return self._owner.converter.value_to_bytes(result)

    def _metadata(self) -> Any:
        owner = self._owner
        return workflow_metadata(
            owner.definition.name or "",
            signals=self._signals.values(),
            queries=self._queries.values(),
            updates=owner.updates.definitions,
            current_details=owner.current_details,
        )

    def _stack_trace(self) -> str:
        stacks = ["\n".join(waiting_stack(task.get_coro())) for task in self._owner.loop.unfinished_tasks()]  # type: ignore[arg-type]  # tasks here are made of coroutines
        return "\n\n".join(stacks)
