"""The updates of one workflow: delivered, validated, accepted or rejected, handled, answered.

Rules:
- An update is delivered behind the signals that the same workflow task shows. Its validator and the first step of its
  handler run together: nothing comes between them.
- A rejection leaves nothing behind, neither in the history nor in the instance: replay never hears of it. So nothing
  that is counted may be taken before an update is accepted, and validators may only look.
- When a history is replayed, the updates that it says were accepted are delivered where they were, without validators.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from perdure.converter import DataConverter
from perdure.exceptions import CancelledError
from perdure.execution.commands import COMMAND_EVENTS, CommandLedger
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.interception import Interception
from perdure.execution.source_lines import calling_line
from perdure.protocol.commands import Command
from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.updates import ProtocolMessage, UpdateDelivery, UpdateMessageKind
from perdure.workflow.definition import WorkflowDefinition
from perdure.workflow.errors import (
    HandlerUnfinishedPolicy,
    NondeterminismError,
    ReadOnlyContextError,
    UnfinishedUpdateHandlersWarning,
)
from perdure.workflow.handlers import HINTS_MAX, replaced
from perdure.workflow.update_handlers import UpdateDefinition, runtime_update
from perdure.workflow.update_information import UpdateInfo, current

logger = logging.getLogger("perdure.workflow")

_ACCEPTED = int(EventType.WORKFLOW_EXECUTION_UPDATE_ACCEPTED)
_COMPLETED = int(EventType.WORKFLOW_EXECUTION_UPDATE_COMPLETED)


class UnknownUpdateError(LookupError):
    """The workflow has no handler for an update; the text lists those that it has."""


class UpdateOwner(Protocol):
    """What updates ask of their workflow."""

    loop: WorkflowEventLoop
    ledger: CommandLedger
    replaying: bool
    read_only: bool
    interception: Interception | None

    @property
    def converter(self) -> DataConverter: ...
    @property
    def definition(self) -> WorkflowDefinition: ...
    @property
    def instance(self) -> Any: ...
    def is_failure_exception(self, error: BaseException) -> bool: ...
    def fail_task(self, error: BaseException) -> None: ...


class IssuedMessage:
    """A message about an update that leaves an event."""

    __slots__ = ("_event_type", "_update_id", "command", "line")

    def __init__(self, message: ProtocolMessage, line: str) -> None:
        self.command: Command | None = message
        self.line = line
        self._update_id = message.update_id
        self._event_type = _ACCEPTED if message.kind == UpdateMessageKind.ACCEPTANCE else _COMPLETED

    def matches(self, event: HistoryEvent) -> bool:
        if event.event_type != self._event_type:
            return False
        attributes = event.attributes
        known: str = attributes.protocol_instance_id if self._event_type == _ACCEPTED else attributes.update_id
        return known == self._update_id

    def scheduled(self, event_id: int) -> bool:
        return False


class WorkflowUpdates:
    """See the module's docstring. `running` counts handlers that have begun and not ended."""

    __slots__ = ("_definitions", "_owner", "_rejections", "_running", "_unclaimed")

    def __init__(self, owner: UpdateOwner) -> None:
        self._owner = owner
        self._definitions = owner.definition.updates
        self._running: dict[str, UpdateDefinition] = {}
        self._unclaimed: list[tuple[UpdateDelivery, bool]] = []
        self._rejections: list[ProtocolMessage] = []

    # Handlers --------------------------------------------------------------------------------------------------------
    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def definitions(self) -> Iterable[UpdateDefinition]:
        return self._definitions.values()

    def update(self, name: str | None) -> UpdateDefinition | None:
        return self._definitions.get(name)

    def bound(self, definition: UpdateDefinition) -> Callable[..., Any]:
        return definition.bind(self._owner.instance)

    def set_update(
        self, name: str | None, handler: Callable[..., Any] | None, validator: Callable[..., Any] | None
    ) -> None:
        self._owner.loop.check_may_act()
        definition = None if handler is None else runtime_update(name, handler, validator)
        self._definitions = replaced(self._definitions, name, definition)

    # Deliveries ------------------------------------------------------------------------------------------------------
    def deliver(self, delivery: UpdateDelivery, *, is_accepted: bool) -> None:
        """Have an update taken in behind what is ready by now. `is_accepted`: the history says so already."""
        self._owner.loop.call_soon(self._begin, delivery, is_accepted)

    def settle_unclaimed(self) -> bool:
        """The workflow waits: deliver what it has set a handler for meanwhile, and reject the rest. Whether there is
        something to run."""
        if not self._unclaimed:
            return False
        unclaimed, self._unclaimed = self._unclaimed, []
        is_delivered = False
        for delivery, is_accepted in unclaimed:
            if self._handler_of(delivery) is not None:
                self.deliver(delivery, is_accepted=is_accepted)
                is_delivered = True
            elif is_accepted:
                self._owner.fail_task(
                    NondeterminismError(
                        f"the history says that update {delivery.update_name!r} (id {delivery.update_id!r}) was "
                        f"accepted, but {self._missing(delivery)}"
                    )
                )
            else:
                self._reject(delivery, UnknownUpdateError(self._missing(delivery)))
        return is_delivered

    def take_rejections(self) -> list[ProtocolMessage]:
        """The rejections of the workflow task that has just run."""
        if not self._rejections:
            return []
        rejections, self._rejections = self._rejections, []
        return rejections

    def _handler_of(self, delivery: UpdateDelivery) -> UpdateDefinition | None:
        return self._definitions.get(delivery.update_name) or self._definitions.get(None)

    def _missing(self, delivery: UpdateDelivery) -> str:
        known = ", ".join(sorted(filter(None, self._definitions))) or "none"
        name = self._owner.definition.name
        return f"workflow type {name!r} has no update {delivery.update_name!r}; it has: {known}"

    def _begin(self, delivery: UpdateDelivery, is_accepted: bool) -> None:
        definition = self._handler_of(delivery)
        if definition is None:
            self._unclaimed.append((delivery, is_accepted))
            return
        context = contextvars.copy_context()
        context.run(current.set, UpdateInfo(delivery.update_id, delivery.update_name))
        try:
            arguments = self._arguments(definition, delivery)
            validator = None if is_accepted else definition.bind_validator(self._owner.instance)
            if validator is not None:
                context.run(self._look, validator, arguments, delivery)
                arguments = self._arguments(definition, delivery)  # anew: the validator may have changed them
        except ReadOnlyContextError as error:
            self._owner.fail_task(error)
        except Exception as error:
            if is_accepted:
                self._owner.fail_task(error)
            else:
                self._reject(delivery, error)
        else:
            self._accept(definition, delivery, arguments, context)

    def _look(self, validator: Callable[..., Any], arguments: Sequence[Any], delivery: UpdateDelivery) -> None:
        """Run a validator where it may not act, and where what it takes from chance is not missed."""
        interception = self._owner.interception
        self._owner.read_only = True
        try:
            if interception is None:
                validator(*arguments)
            else:
                interception.inbound.handle_update_validator(interception.update_input(delivery, arguments))
        finally:
            self._owner.read_only = False

    def _arguments(self, definition: UpdateDefinition, delivery: UpdateDelivery) -> Sequence[Any]:
        values = self._owner.converter.from_bytes(delivery.input, definition.argument_hints(HINTS_MAX))
        problem = definition.count_problem(len(values))
        if problem is not None:
            raise TypeError(f"update {delivery.update_name!r}: {problem}")
        return definition.call_arguments(delivery.update_name, values)

    def _reject(self, delivery: UpdateDelivery, error: Exception) -> None:
        failure = self._owner.converter.to_failure(error)
        self._rejections.append(ProtocolMessage(delivery.update_id, UpdateMessageKind.REJECTION, failure=failure))

    # Handling --------------------------------------------------------------------------------------------------------
    def _accept(
        self,
        definition: UpdateDefinition,
        delivery: UpdateDelivery,
        arguments: Sequence[Any],
        context: contextvars.Context,
    ) -> None:
        self._issue(ProtocolMessage(delivery.update_id, UpdateMessageKind.ACCEPTANCE, delivery))
        self._running[delivery.update_id] = definition
        handling = self._handle(definition, delivery, arguments)
        self._owner.loop.create_task_next(handling, name=f"update {delivery.update_name}", context=context)

    async def _handle(self, definition: UpdateDefinition, delivery: UpdateDelivery, arguments: Sequence[Any]) -> None:
        owner, update_id = self._owner, delivery.update_id
        try:
            if owner.interception is not None:
                chain = owner.interception
                result = await chain.inbound.handle_update_handler(chain.update_input(delivery, arguments))
            else:
                result = self.bound(definition)(*arguments)
                if definition.is_async:
                    result = await result
            data = owner.converter.to_kept_bytes((result,), "the result of update", delivery.update_name)
        except asyncio.CancelledError as error:
            self._fail(update_id, CancelledError(f"the update's handler was cancelled {error}".rstrip()))
        except Exception as error:
            if owner.is_failure_exception(error):
                self._fail(update_id, error)
            else:
                owner.fail_task(error)
        else:
            self._issue(ProtocolMessage(update_id, UpdateMessageKind.RESPONSE, result=data))
        finally:
            self._running.pop(update_id, None)

    def _fail(self, update_id: str, error: Exception) -> None:
        failure = self._owner.converter.to_failure(error)
        self._issue(ProtocolMessage(update_id, UpdateMessageKind.RESPONSE, failure=failure))

    def _issue(self, message: ProtocolMessage) -> None:
        line = calling_line() if self._owner.replaying else ""
        self._owner.ledger.issue_before_close(IssuedMessage(message, line))

    def warn_of_unfinished(self) -> None:
        """The workflow is over: say so if a handler was still at work."""
        unfinished = [
            f"{definition.function.__name__} (id {update_id!r})"
            for update_id, definition in self._running.items()
            if definition.unfinished_policy is HandlerUnfinishedPolicy.WARN_AND_ABANDON
        ]
        if unfinished and not self._owner.replaying:
            warnings.warn(
                f"workflow type {self._owner.definition.name!r} finished while handlers of the updates "
                f"{', '.join(unfinished)} were still running, whose callers get an error; wait for "
                "`workflow.all_handlers_finished` first, or decorate them with "
                "unfinished_policy=HandlerUnfinishedPolicy.ABANDON",
                UnfinishedUpdateHandlersWarning,
                stacklevel=2,
            )


def accepted_updates(events: Sequence[HistoryEvent], start: int) -> Sequence[UpdateDelivery]:
    """The updates that the workflow task accepted whose completed event stands before `events[start]`."""
    found: list[UpdateDelivery] = []
    for index in range(start, len(events)):
        kind = events[index].event_type
        if kind == _ACCEPTED:
            accepted = events[index].attributes
            found.append(
                UpdateDelivery(
                    accepted.protocol_instance_id,
                    accepted.update_name,
                    accepted.input,
                    accepted.identity,
                    accepted.headers,
                )
            )
        elif kind not in COMMAND_EVENTS and events[index].event_id:  # annotations may stand anywhere
            break
    return found
