"""What the outside saw: replies that were received, attempts that ran. The auditor believes nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from perdure.protocol.replies import Outcome

Activity = tuple[str, int]
"""Run id and scheduled event id."""


@dataclass
class Ledger:
    """Times are seconds of virtual time.

    Attributes:
        starts: workflow id and request id of each acknowledged start, to its run id.
        signals: request ids of acknowledged signals, to their run.
        outcomes: what waiters were told, by run id.
        attempts: the attempts of each activity that began, with their worker and the time at which it was handed out.
        successes: when the success of an activity was acknowledged.
        once: activities with one attempt whose body ran, and how often.
        flushes: when the broker lost everything.
    """

    starts: dict[tuple[str, str], str] = field(default_factory=dict)
    signals: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    attempts: dict[Activity, list[tuple[int, str, float]]] = field(default_factory=dict)
    successes: dict[Activity, float] = field(default_factory=dict)
    once: dict[Activity, int] = field(default_factory=dict)
    flushes: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def violation(self, text: str) -> None:
        self.wrong.append(text)

    def started(self, workflow_id: str, request_id: str, run_id: str) -> None:
        known = self.starts.setdefault((workflow_id, request_id), run_id)
        if known != run_id:
            self.violation(f"start {request_id} of {workflow_id} was answered with {known} and {run_id}")

    def closed(self, outcome: Outcome) -> None:
        known = self.outcomes.setdefault(outcome.run_id, outcome)
        if (known.status, known.result) != (outcome.status, outcome.result):
            self.violation(f"run {outcome.run_id} has two outcomes: {known} and {outcome}")

    def attempt_began(self, activity: Activity, attempt: int, worker: str, now: float, *, once: bool) -> None:
        """`now` is when the stream handed the attempt out: when a stopped worker begins with it is beyond control."""
        self.attempts.setdefault(activity, []).append((attempt, worker, now))
        success = self.successes.get(activity)
        if success is not None and success < now and not any(flush <= now for flush in self.flushes):
            self.violation(
                f"attempt {attempt} of {activity} was handed out at {now:.3f}, its success was known at {success:.3f}"
            )
        if once:
            self.once[activity] = self.once.get(activity, 0) + 1
            if self.once[activity] > 1:
                self.violation(f"{activity} may run once and ran again, by {worker} at {now:.3f}")

    def attempt_succeeded(self, activity: Activity, now: float) -> None:
        self.successes.setdefault(activity, now)

    def reply(self, request: Any, text: str) -> None:
        self.violation(f"{type(request).__name__} was answered with an error: {text}")
