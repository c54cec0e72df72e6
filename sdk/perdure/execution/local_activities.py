"""The local activities of one workflow: asked for, run by the worker that holds the workflow, and settled by markers.

Role: `outstanding` is what the worker has to run; `settle` takes in what came of one, live from the worker and in a
replay from its marker, and issues that marker. So both go the same way: news first, then one outcome after the other,
the workflow running on after each.

Rules: what the workflow cancels and does not wait for is settled by that alone, without a marker.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, Protocol

from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.local_marker import LocalMarker, LocalOutcome, outcome_of
from perdure.protocol.events import MarkerRecorded
from perdure.protocol.retry import RetryPolicyData


class LocalCall(NamedTuple):
    """A local activity that is to be run. Times are 0 where they were not given; `first_asked_us` is when the first
    attempt was asked for, in the workflow's time."""

    number: int
    activity_id: str
    activity_type: str
    input: bytes
    headers: bytes
    schedule_to_close_timeout_ms: int
    schedule_to_start_timeout_ms: int
    start_to_close_timeout_ms: int
    retry_policy: RetryPolicyData
    local_retry_threshold_ms: int
    attempt: int
    first_asked_us: int


class Awaiting(Protocol):
    """Whoever waits for a local activity."""

    line: str

    def take(self, outcome: LocalOutcome) -> None: ...


class LocalActivitiesOwner(Protocol):
    loop: WorkflowEventLoop

    @property
    def ledger(self) -> Any: ...


class LocalActivities:
    """See the module's docstring.

    Attributes:
        outstanding: What is to be run, or runs, by its number.
        cancelling: Those among them that were asked to stop.
        abandoned: Those that run on although nobody waits for them.
    """

    def __init__(self, owner: LocalActivitiesOwner) -> None:
        self._owner = owner
        self._count = 0
        self._waiting: dict[int, Awaiting] = {}
        self._new: dict[int, int] = {}
        self._recorded: deque[LocalOutcome] = deque()
        self.outstanding: dict[int, LocalCall] = {}
        self.cancelling: dict[int, int] = {}
        self.abandoned: dict[int, int] = {}

    # From the workflow -----------------------------------------------------------------------------------------------
    def next_number(self) -> int:
        self._count += 1
        return self._count

    def ask(self, call: LocalCall, awaiting: Awaiting) -> None:
        self.outstanding[call.number] = call
        self._waiting[call.number] = awaiting
        self._new[call.number] = 1

    def request_cancel(self, number: int) -> bool:
        """It is to stop, and its outcome is waited for. False if it was not begun, and never will be."""
        if number in self._new:
            self.drop(number)
            return False
        self.cancelling[number] = 1
        return True

    def drop(self, number: int, *, runs_on: bool = False) -> None:
        """Nobody waits for it any more; it is to stop, unless it `runs_on`."""
        del self.outstanding[number], self._waiting[number]
        self.cancelling.pop(number, None)
        is_new = self._new.pop(number, None) is not None
        if runs_on and not is_new:
            self.abandoned[number] = 1

    # From history and worker -----------------------------------------------------------------------------------------
    def step_is_over(self) -> None:
        """The workflow waits: what it has asked for is begun, whatever comes next."""
        self._new.clear()

    def note(self, marker: MarkerRecorded) -> None:
        """A marker that the workflow task recorded that is to be replayed next."""
        self._recorded.append(outcome_of(marker))

    def settle_recorded(self) -> None:
        """Replay what the workflow task recorded, in order."""
        self.step_is_over()
        while self._recorded:
            self.settle(self._recorded.popleft())

    def settle(self, outcome: LocalOutcome) -> None:
        """Take in what came of one, and let the workflow run on. What nobody waits for changes nothing: in a replay,
        its marker then finds no command. Nor does what came of another activity: its marker finds another command."""
        awaiting = self._waiting.pop(outcome.number, None)
        if awaiting is None:
            return
        call = self.outstanding.pop(outcome.number)
        self.cancelling.pop(outcome.number, None)
        known = (call.activity_id, call.activity_type)
        if known == (outcome.activity_id, outcome.activity_type):
            self._owner.ledger.issue(LocalMarker(outcome, awaiting.line))
            awaiting.take(outcome)
        else:
            mine = LocalOutcome(call.number, *known, call.attempt)
            self._owner.ledger.issue(LocalMarker(mine, awaiting.line))
        self._owner.loop.run_until_idle()
        self.step_is_over()
