"""What a workflow sends to others, as its code waits for it: signals, and requests to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from perdure.common import Payload
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.execution.commands import CommandLedger
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.interception import Interception
from perdure.execution.interceptors import SignalChildWorkflowInput, SignalExternalWorkflowInput
from perdure.execution.source_lines import calling_line
from perdure.protocol.commands import Command
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.external_workflow import (
    RequestCancelExternalWorkflowExecution,
    SignalExternalWorkflowExecution,
)
from perdure.protocol.ids import text_problem
from perdure.protocol.payload import pack_payload_map

_SIGNAL_INITIATED = int(EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED)
_CANCEL_INITIATED = int(EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED)
_FAILED = frozenset(
    {
        int(EventType.SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED),
        int(EventType.REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED),
    }
)
EXTERNAL_NEWS = _FAILED | {
    int(EventType.EXTERNAL_WORKFLOW_EXECUTION_SIGNALED),
    int(EventType.EXTERNAL_WORKFLOW_EXECUTION_CANCEL_REQUESTED),
}
"""Events by which a workflow hears what came of what it sent."""

_WHY = {
    "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND": "there is no open run of it",
    "NAMESPACE_NOT_FOUND": "its namespace does not exist",
    "SIGNAL_COUNT_LIMIT_EXCEEDED": "it has received as many signals as one run may",
}


class ExternalOwner(Protocol):
    """What these requests ask of their workflow."""

    loop: WorkflowEventLoop
    ledger: CommandLedger
    interception: Interception | None
    replaying: bool

    @property
    def converter(self) -> DataConverter: ...
    @property
    def namespace(self) -> str: ...


ExternalCommand = SignalExternalWorkflowExecution | RequestCancelExternalWorkflowExecution


class ExternalRequest(asyncio.Future[None]):
    """One of them: done when it has arrived.

    Attributes:
        command: What was asked for; None once it is in the history, or if it was cancelled before it was sent.
    """

    __slots__ = ("_name", "_pending", "_target", "command", "line")

    def __init__(self, owner: ExternalOwner, pending: dict[int, ExternalRequest], command: ExternalCommand) -> None:
        super().__init__(loop=owner.loop)
        self._pending = pending
        self._target = command.workflow_id
        self._name = command.signal_name if isinstance(command, SignalExternalWorkflowExecution) else None
        self.command: Command | None = command
        self.line = calling_line() if owner.replaying else ""
        owner.ledger.issue(self)

    def matches(self, event: HistoryEvent) -> bool:
        attributes = event.attributes
        if self._name is None:
            if event.event_type != _CANCEL_INITIATED:
                return False
        elif event.event_type != _SIGNAL_INITIATED or attributes.signal_name != self._name:
            return False
        if attributes.workflow_id != self._target:
            return False
        self.command = None
        self._pending[event.event_id] = self
        return True

    def scheduled(self, event_id: int) -> bool:
        return False

    def cancel(self, msg: Any | None = None) -> bool:
        """Wait no longer. One that was not sent yet never is."""
        self.command = None
        return super().cancel(msg)

    def answer(self, event: HistoryEvent) -> None:
        """It arrived, or could not."""
        if self.done():
            return
        if event.event_type not in _FAILED:
            self.set_result(None)
            return
        cause = event.attributes.cause
        verb = "cancel" if self._name is None else "signal"
        why = _WHY.get(cause, cause)
        self.set_exception(ApplicationError(f"Unable to {verb} workflow {self._target!r}: {why}", type=cause))


class Externals:
    """Those that one workflow has sent and that are not answered."""

    def __init__(self, owner: ExternalOwner) -> None:
        self._owner = owner
        self._pending: dict[int, ExternalRequest] = {}

    async def signal(self, workflow_id: str, run_id: str | None, name: str, arguments: Sequence[Any]) -> None:
        """Signal another workflow.

        Raises:
            ApplicationError: it did not arrive.
            ValueError: a name is not possible.
            TypeError: an argument cannot be converted.
        """
        interception = self._owner.interception
        if interception is None:
            await self.send_signal(workflow_id, run_id, name, arguments, {})
            return
        await interception.outbound.signal_external_workflow(
            SignalExternalWorkflowInput(
                signal=name,
                args=arguments,
                namespace=self._owner.namespace,
                workflow_id=workflow_id,
                workflow_run_id=run_id,
                headers={},
            )
        )

    async def signal_child(
        self, workflow_id: str, initiated_event_id: int, name: str, arguments: Sequence[Any]
    ) -> None:
        """Signal a child, in whichever run it is by now. Raises: as `signal`."""
        interception = self._owner.interception
        if interception is None:
            await self.send_signal(workflow_id, None, name, arguments, {}, initiated_event_id)
            return
        await interception.outbound.signal_child_workflow(
            SignalChildWorkflowInput(
                signal=name,
                args=arguments,
                child_workflow_id=workflow_id,
                headers={},
                initiated_event_id=initiated_event_id,
            )
        )

    def send_signal(
        self,
        workflow_id: str,
        run_id: str | None,
        name: str,
        arguments: Sequence[Any],
        headers: Mapping[str, Payload],
        child_initiated_event_id: int = 0,
    ) -> ExternalRequest:
        """Send a signal, which the chain of interceptors has passed."""
        self._check(workflow_id, "the name of a signal", name)
        command = SignalExternalWorkflowExecution(
            workflow_id,
            run_id or "",
            name,
            self._owner.converter.to_kept_bytes(arguments, "the arguments of signal", name),
            pack_payload_map(headers),
            child_initiated_event_id,
        )
        return ExternalRequest(self._owner, self._pending, command)

    async def cancel(self, workflow_id: str, run_id: str | None, reason: str) -> None:
        """Ask another workflow to stop.

        Raises:
            ApplicationError: that did not arrive.
            ValueError: the id is not possible.
        """
        self._check(workflow_id)
        await self.send_cancel(RequestCancelExternalWorkflowExecution(workflow_id, run_id or "", reason))

    def send_cancel(self, command: RequestCancelExternalWorkflowExecution) -> ExternalRequest:
        return ExternalRequest(self._owner, self._pending, command)

    def _check(self, workflow_id: str, what: str = "", name: str = "") -> None:
        self._owner.loop.check_may_act()
        problem = text_problem("the id of another workflow", workflow_id) or (
            text_problem(what, name) if what else None
        )
        if problem is not None:
            raise ValueError(problem)

    def show(self, event: HistoryEvent, outcomes: list[Callable[[], None]]) -> None:
        """Add to `outcomes` what is to be done about an answer."""
        request = self._pending.pop(event.attributes.initiated_event_id, None)
        if request is not None:
            outcomes.append(partial(request.answer, event))
