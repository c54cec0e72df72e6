"""The children of one workflow: how a child is asked for, and which of them an event is for."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from perdure.common import Payload, milliseconds
from perdure.converter import DataConverter
from perdure.execution.child_future import ChildFuture, ChildOwner
from perdure.execution.interception import Interception
from perdure.execution.interceptors import StartChildWorkflowInput
from perdure.protocol.child_workflow import ParentClosePolicy, StartChildWorkflowExecution
from perdure.protocol.cron import parse_cron
from perdure.protocol.events import EventType, HistoryEvent, WorkflowExecutionStarted
from perdure.protocol.fairness import Fairness
from perdure.protocol.ids import text_problem
from perdure.protocol.memo import memo_problem, pack_memo
from perdure.protocol.payload import pack_payload_map
from perdure.search_attributes import search_attributes_to_bytes
from perdure.workflow.child_options import ChildOptions, ChildWorkflowHandle

_STARTED = int(EventType.CHILD_WORKFLOW_EXECUTION_STARTED)
_REFUSED = int(EventType.START_CHILD_WORKFLOW_EXECUTION_FAILED)
_OUTCOMES = frozenset(
    int(kind)
    for kind in (
        EventType.CHILD_WORKFLOW_EXECUTION_COMPLETED,
        EventType.CHILD_WORKFLOW_EXECUTION_FAILED,
        EventType.CHILD_WORKFLOW_EXECUTION_CANCELED,
        EventType.CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.CHILD_WORKFLOW_EXECUTION_TERMINATED,
    )
)
CHILD_NEWS = _OUTCOMES | {_STARTED, _REFUSED}
"""Events by which a workflow hears of its children."""

TASK_TIMEOUT_MS = 10_000
"""How long a worker may take for one workflow task, unless the start says otherwise (Temporal's default)."""


class ParentWorkflow(ChildOwner, Protocol):
    """What the children ask of their workflow."""

    interception: Interception | None

    @property
    def random(self) -> random.Random: ...
    @property
    def started(self) -> WorkflowExecutionStarted: ...


class Children:
    """Those that one workflow has asked for and that have not ended."""

    def __init__(self, owner: ParentWorkflow) -> None:
        self._owner = owner
        self._pending: dict[int, ChildFuture] = {}

    async def start(
        self, workflow_type: str, arguments: Sequence[Any], result_type: Any, options: ChildOptions
    ) -> ChildWorkflowHandle[Any, Any]:
        """Start a child, and wait until it is started.

        Raises:
            WorkflowAlreadyStartedError: its id is taken.
            ValueError: an option makes no sense.
            TypeError: an argument cannot be converted.
            PayloadSizeError: the arguments are too large.
        """
        if self._owner.interception is not None:
            return await self._intercepted(workflow_type, arguments, result_type, options, awaited_at_once=False)
        child = self.ask(workflow_type, arguments, result_type, options, {}, awaited_at_once=False)
        await child.wait_started()
        return child

    async def execute(
        self, workflow_type: str, arguments: Sequence[Any], result_type: Any, options: ChildOptions
    ) -> Any:
        """Start a child, and wait for its result. Raises: as `start`, and ChildWorkflowError."""
        if self._owner.interception is not None:
            return await (await self._intercepted(workflow_type, arguments, result_type, options, awaited_at_once=True))
        return await self.ask(workflow_type, arguments, result_type, options, {}, awaited_at_once=True)

    async def _intercepted(
        self,
        workflow_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        options: ChildOptions,
        *,
        awaited_at_once: bool,
    ) -> ChildWorkflowHandle[Any, Any]:
        interception = self._owner.interception
        assert interception is not None
        given = options._asdict() | {"id": options.id or self._new_id()}
        return await interception.outbound.start_child_workflow(
            StartChildWorkflowInput(
                workflow=workflow_type,
                args=arguments,
                headers={},
                ret_type=result_type,
                awaited_at_once=awaited_at_once,
                **given,
            )
        )

    def ask(
        self,
        workflow_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        options: ChildOptions,
        headers: Mapping[str, Payload],
        *,
        awaited_at_once: bool,
    ) -> ChildFuture:
        """Ask for a child, which the chain of interceptors has passed."""
        owner = self._owner
        owner.loop.check_may_act()
        workflow_id = options.id or self._new_id()
        started = owner.started
        command = start_command(
            owner.converter,
            workflow_type,
            workflow_id,
            arguments,
            options,
            headers,
            started.priority,
            started.fairness,
        )
        return ChildFuture(owner, self._pending, command, result_type, awaited_at_once, options.cancellation_type)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._owner.random.getrandbits(128), version=4))

    def show(self, event: HistoryEvent, outcomes: list[Callable[[], None]]) -> None:
        """Add to `outcomes` what is to be done about an event of a child."""
        kind, attributes = event.event_type, event.attributes
        event_id = attributes.initiated_event_id
        if kind == _STARTED:
            child = self._pending.get(event_id)
            if child is not None:
                outcomes.append(partial(child.start, event))
            return
        child = self._pending.pop(event_id, None)
        if child is not None:
            child.has_outcome = True
            outcomes.append(partial(child.refuse if kind == _REFUSED else child.resolve, attributes))


def start_command(
    converter: DataConverter,
    workflow_type: str,
    workflow_id: str,
    arguments: Sequence[Any],
    options: ChildOptions,
    headers: Mapping[str, Payload],
    inherited_priority: int = 3,
    inherited_fairness: Fairness | None = None,
) -> StartChildWorkflowExecution:
    """What a workflow asks for.

    Raises:
        ValueError: an option makes no sense.
        TypeError: an argument cannot be converted.
        PayloadSizeError: the arguments are too large.
    """
    problem = text_problem("the id of a child workflow", workflow_id)
    if problem is not None:
        raise ValueError(problem)
    if options.cron_schedule:
        parse_cron(options.cron_schedule)
    return StartChildWorkflowExecution(
        workflow_id,
        workflow_type,
        options.task_queue or "",
        converter.to_kept_bytes(arguments, "the arguments of child workflow", workflow_type),
        "",
        milliseconds("execution_timeout", options.execution_timeout),
        milliseconds("run_timeout", options.run_timeout),
        milliseconds("task_timeout", options.task_timeout) or TASK_TIMEOUT_MS,
        int(options.parent_close_policy) or int(ParentClosePolicy.TERMINATE),
        int(options.id_reuse_policy),
        None if options.retry_policy is None else options.retry_policy.to_data(),
        options.cron_schedule,
        _memo(converter, options.memo),
        search_attributes_to_bytes(options.search_attributes),
        pack_payload_map(headers),
        options.priority.priority_key or inherited_priority,
        options.static_summary or "",
        options.static_details or "",
        options.priority.to_fairness(inherited_fairness),
    )


def _memo(converter: DataConverter, memo: Mapping[str, Any] | None) -> bytes:
    if not memo:
        return b""
    convert = converter.payload_converter.to_payload
    data = pack_memo({name: convert(value) for name, value in memo.items()})
    problem = memo_problem(data)
    if problem is not None:
        raise ValueError(problem)
    return data
