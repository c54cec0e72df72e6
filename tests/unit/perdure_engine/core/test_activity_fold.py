"""What the fold makes of the records of activities."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from perdure.protocol.events import (
    ActivityAttemptDetached,
    ActivityAttemptFailed,
    ActivityAttemptStarted,
    ActivityPaused,
    ActivityReset,
    ActivityTaskCanceled,
    ActivityTaskCancelRequested,
    ActivityTaskCompleted,
    ActivityTaskFailed,
    ActivityTaskStarted,
    ActivityTaskTimedOut,
    ActivityUnpaused,
    EventBuffered,
    EventType,
    HistoryEvent,
)
from perdure.protocol.failure import Failure
from perdure_engine.core.activity_fold import ACTIVITY_TRANSITIONS
from perdure_engine.core.fold import apply
from perdure_engine.core.state import ActivityPhase, Bug
from tests.unit.perdure_engine.core.runs import RUN_ID, START_US, activity_command, beat, fail_activity, running

FAILURE = Failure("it broke")
COMPLETED = ActivityTaskCompleted(b"", 5, 0)
ACTIVITY_RECORDS: dict[EventType, Any] = {
    EventType.ACTIVITY_ATTEMPT_STARTED: ActivityAttemptStarted(5, 1, "w1", START_US),
    EventType.ACTIVITY_ATTEMPT_DETACHED: ActivityAttemptDetached(5, 1, "w1", START_US),
    EventType.ACTIVITY_ATTEMPT_FAILED: ActivityAttemptFailed(5, 1, FAILURE, "w1", START_US),
    EventType.ACTIVITY_PAUSED: ActivityPaused(5, 1, "op", "", "pause-1"),
    EventType.ACTIVITY_UNPAUSED: ActivityUnpaused(5, 1, "op", "", "unpause-1", 0),
    EventType.ACTIVITY_RESET: ActivityReset(5, 1, "op", "", "reset-1", 0),
    EventType.ACTIVITY_TASK_CANCEL_REQUESTED: ActivityTaskCancelRequested(5, 4),
    EventType.EVENT_BUFFERED: EventBuffered(EventType.ACTIVITY_TASK_COMPLETED, COMPLETED),
    EventType.ACTIVITY_TASK_STARTED: ActivityTaskStarted(5, "w1", 1),
    EventType.ACTIVITY_TASK_COMPLETED: COMPLETED,
    EventType.ACTIVITY_TASK_FAILED: ActivityTaskFailed(FAILURE, 5, 0, "w1", 2),
    EventType.ACTIVITY_TASK_TIMED_OUT: ActivityTaskTimedOut(FAILURE, 5, 0, 3),
    EventType.ACTIVITY_TASK_CANCELED: ActivityTaskCanceled(b"", 5, 0, 6),
}


@pytest.mark.parametrize(("phase", "event_type"), list(product(ActivityPhase, ACTIVITY_RECORDS)))
def test_an_activity_takes_what_its_table_says(phase: ActivityPhase, event_type: EventType) -> None:
    state = running(activity_command("a")).state
    state.activities[5].phase = phase
    event_id = 0 if event_type >= EventType.ACTIVITY_ATTEMPT_STARTED else state.next_event_id
    change = HistoryEvent(event_id, START_US, event_type, ACTIVITY_RECORDS[event_type])
    if (phase, event_type) not in ACTIVITY_TRANSITIONS:
        with pytest.raises(Bug, match=f"run {RUN_ID}: activity 5 in .* takes no {int(event_type)}"):
            apply(state, change)
        return
    apply(state, change)
    expected = ACTIVITY_TRANSITIONS[phase, event_type]
    if expected is None:
        assert state.activities == {}
        assert state.activity_ids == {}
    else:
        assert state.activities[5].phase == expected


def test_a_failed_attempt_leaves_the_details_that_it_had_last() -> None:
    """Also none, when a snapshot knows of those before."""
    run = running(activity_command("a"))
    beat(run, b"page 7")
    run.end_batch()
    run.take_snapshot()
    beat(run, b"")
    fail_activity(run)
    run.end_batch()
    run.reload(from_snapshot=True)
    assert run.state.activities[5].heartbeat_details == b""
