"""The states of a run and its activities, as a client sees them."""

from __future__ import annotations

from enum import IntEnum


class WorkflowExecutionStatus(IntEnum):
    """Temporal's names and numbers."""

    RUNNING = 1
    COMPLETED = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    CONTINUED_AS_NEW = 6
    TIMED_OUT = 7


class PendingActivityState(IntEnum):
    """What an activity that has not closed is doing (Temporal's numbers). `PAUSE_REQUESTED`: its attempt is out, and no
    other one begins."""

    SCHEDULED = 1
    STARTED = 2
    CANCEL_REQUESTED = 3
    PAUSED = 4
    PAUSE_REQUESTED = 5
