"""What is raised when something in a canvas fails: which of its members, and why.

The workflow raises these errors; their details travel, and `restored` makes them again where the result is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from perdure.exceptions import ActivityError, ApplicationError, ChildWorkflowError, RequestError

TOLD_MAX = 100
"""Failed members that an error tells one by one; the others are counted. Details of a failure are kept in history."""

_NAMED_MAX = 10
_TEXT_MAX = 150
"""Members that the text of an error names, and characters of each one's failure: such a text is at most 2,000 long."""


class CanvasTooLarge(RequestError, ValueError):
    """A canvas has more steps than one workflow may have; nothing was started."""


@dataclass(frozen=True)
class FailedMember:
    """Attributes:
    index: Which link of a chain, member of a group, item of a map; from 0.
    name: The name of its task; of a group or a chain, what it is.
    type: What it raised: the type of an `ApplicationError`, else the name of the class.
    message: The text of that.
    """

    index: int
    name: str
    type: str
    message: str

    @staticmethod
    def of(index: int, name: str, error: BaseException) -> FailedMember:
        root = root_of(error)
        kind = (root.type if isinstance(root, ApplicationError) else None) or type(root).__name__
        return FailedMember(index, name, kind, str(getattr(root, "message", root))[:1_000])

    def __str__(self) -> str:
        text = f"{self.index + 1} ({self.name}): {self.type}: {self.message}"
        return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."


class CanvasError(ApplicationError):
    """Attributes:
    failed: The members that failed, in order, at most 100 of them.
    failed_count: How many failed.
    """

    def __init__(self, message: str, failed: Sequence[FailedMember], failed_count: int | None = None) -> None:
        self.failed = tuple(failed[:TOLD_MAX])
        self.failed_count = len(failed) if failed_count is None else failed_count
        details = {"failed": [asdict(member) for member in self.failed], "failed_count": self.failed_count}
        super().__init__(message, details, type=type(self).__name__, non_retryable=True)


class ChainError(CanvasError):
    """A link of a chain failed; those after it were not begun. `failed[0].index` says which link."""


class MapError(CanvasError):
    """An item of a map failed; those after it were not begun. `failed[0].index` says which item."""


class GroupError(CanvasError):
    """Members of a group failed; all have ended. `GroupHandle.outcomes()` has what the others returned."""


class ChordError(CanvasError):
    """Members of a chord's header failed, and its body was not begun; or the body itself failed."""


_CLASSES: Mapping[str, type[CanvasError]] = {
    kind.__name__: kind for kind in (ChainError, MapError, GroupError, ChordError)
}


def named(failed: Sequence[FailedMember]) -> str:
    """The members that failed, as the text of an error names them."""
    more = len(failed) - _NAMED_MAX
    return "; ".join(map(str, failed[:_NAMED_MAX])) + (f"; and {more} more" if more > 0 else "")


def root_of(error: BaseException) -> BaseException:
    """What was raised, inside the errors that say where."""
    while isinstance(error, ActivityError | ChildWorkflowError) and error.cause is not None:
        error = error.cause
    return error


FAILURE = "__failure__"
"""The one key of `failure_data`."""


def failure_data(error: BaseException) -> Mapping[str, Any]:
    """A failure as it is told to a task: the type, the text and the details of what was raised; where that was in a
    member of a group, which one, as `FailedMember` says it."""
    root, member = error, None
    while isinstance(root, ActivityError | ChildWorkflowError | CanvasError) and root.__cause__ is not None:
        if isinstance(root, GroupError | ChordError):
            member = asdict(root.failed[0])
        root = root.__cause__
    kind = (root.type if isinstance(root, ApplicationError) else None) or type(root).__name__
    details = list(root.details) if isinstance(root, ApplicationError) else []
    told = {"type": kind, "message": str(getattr(root, "message", root)), "details": details, "member": member}
    return {FAILURE: told}


def restored(error: BaseException) -> BaseException:
    """The error that the workflow raised, as it was raised; any other one as it is."""
    kind = _CLASSES.get(error.type or "") if isinstance(error, ApplicationError) else None
    if kind is None:
        return error
    assert isinstance(error, ApplicationError)
    details: Any = error.details[0]
    made = kind(error.message, [FailedMember(**row) for row in details["failed"]], details["failed_count"])
    if error.cause is not None:
        made.__cause__ = root_of(error.cause)
    return made
