"""What goes wrong in workflow code."""

from __future__ import annotations

from enum import Enum

from perdure.exceptions import WorkflowTaskError

__all__ = [
    "ContinueAsNewError",
    "HandlerUnfinishedPolicy",
    "NondeterminismError",
    "NotInWorkflowError",
    "ReadOnlyContextError",
    "UnfinishedSignalHandlersWarning",
    "UnfinishedUpdateHandlersWarning",
    "WorkflowIOError",
]


class NondeterminismError(WorkflowTaskError):
    """The code does something else than the history says that it did. The workflow task fails and is tried again; the
    workflow goes on once code runs that does the same as before.

    Attributes:
        message: What the history says, what the code does, and where.
        event_id: The event at which the two part; 0 if it is not about an event.
    """

    def __init__(self, message: str, event_id: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.event_id = event_id


class ReadOnlyContextError(WorkflowTaskError):
    """A query handler or a validator tried to change its workflow."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class WorkflowIOError(WorkflowTaskError):
    """Workflow code tried to reach the world outside, which cannot be replayed."""


class ContinueAsNewError(BaseException):
    """What `continue_as_new` raises. Let it pass: it ends the run. Only `continue_as_new` makes one."""

    def __init__(self, *args: object) -> None:
        if type(self) is ContinueAsNewError:
            raise RuntimeError("ContinueAsNewError is raised by workflow.continue_as_new alone; call that")
        super().__init__(*args)


class NotInWorkflowError(RuntimeError):
    """A function of `perdure.workflow` was called outside of a workflow."""


class HandlerUnfinishedPolicy(Enum):
    """What happens when a workflow finishes while a handler still runs."""

    WARN_AND_ABANDON = 1
    ABANDON = 2


class UnfinishedSignalHandlersWarning(RuntimeWarning):
    """A workflow finished before all of its signal handlers had."""


class UnfinishedUpdateHandlersWarning(RuntimeWarning):
    """A workflow finished before all of its update handlers had."""
