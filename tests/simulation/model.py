"""The model of a workflow type: which ends of a run are right, and what its code asks for when it is run again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from perdure.protocol.events import HistoryEvent, WorkflowExecutionStarted


@dataclass(frozen=True)
class Story:
    """One run, as far as its end depends on it.

    Attributes:
        events: its history, without annotations; the last one is `closing`.
        signals: what asked for a signal to its workflow id: requests, acknowledged or not, and events of other runs; so
            for `cancels` and `terminations`.
        updates: those that it accepted.
        has_siblings: there are other runs of its workflow id.
        terminated_ids: the workflow ids that clients asked to terminate.
    """

    workflow_id: str
    run_id: str
    started: WorkflowExecutionStarted
    events: Sequence[HistoryEvent]
    closing: HistoryEvent
    signals: Sequence[Any]
    cancels: Sequence[Any]
    terminations: Sequence[Any]
    updates: Sequence[Any] = ()
    has_siblings: bool = False
    terminated_ids: Collection[str] = ()


class Model(Protocol):
    """What the auditor must know of a workflow type."""

    def outcome_problem(self, story: Story) -> str | None:
        """Why this end is not one that the workflow may come to; None if it is."""

    def replay_problem(self, story: Story) -> str | None:
        """Why the workflow's code does not ask for what the history says; None if it does."""
