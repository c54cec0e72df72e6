"""Changing the code of workflows that are running: which branch this run takes, the same on every replay."""

from __future__ import annotations

from perdure.workflow.runtime import current

DEFAULT_VERSION = -1
"""What `get_version` gives a run that came by before there was the question."""


def patched(id: str) -> bool:
    """Whether this run takes the new code of a change. New runs do; a run that came by here before the change does not,
    in all of its replays.

        if workflow.patched("charge-twice"):
            ...  # new
        else:
            ...  # old, until no open run needs it

    The first answer for an id counts for the whole run, wherever it is asked again. It is kept in the history, by a
    marker: code that no longer asks cannot replay a run that was told yes. When no open run takes the old branch any
    more, replace the question by `deprecate_patch`; when none has the marker of the question, remove that too.

    Raises:
        ValueError: the id is empty or too long.
        ReadOnlyContextError: in a query handler.
    """
    return current().versions.patched(id, deprecated=False)


def deprecate_patch(id: str) -> None:
    """Say that every open run takes the new code of this change: stands where `patched(id)` stood, in front of what was
    its new branch. Histories with the marker of either replay; those of runs begun from now on replay without this
    call, too.

    Raises: as `patched`.
    """
    current().versions.patched(id, deprecated=True)


def get_version(change_id: str, min_supported: int, max_supported: int) -> int:
    """The version of a change that this run takes, for changes with more than two states, as Temporal's SDK for Go has
    it: new runs get `max_supported`; a run that came by here before the question was there gets
    `workflow.DEFAULT_VERSION` (-1).

        version = workflow.get_version("charge", workflow.DEFAULT_VERSION, 2)

    The first answer for a change counts for the whole run. Code that no longer asks can still replay it: raise
    `min_supported` when no open run is older, and remove the call when only one version is left.

    Raises:
        NondeterminismError: this run's version is outside of the range.
        ValueError: the id is empty or too long, or the range makes no sense.
        ReadOnlyContextError: in a query handler.
    """
    return current().versions.get_version(change_id, min_supported, max_supported)
