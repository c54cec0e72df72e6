"""Bugs of activities: whose result counts, how attempts are counted, and how many there may be."""

from __future__ import annotations

import pytest

from perdure.protocol.events import EventType, HistoryEvent
from perdure.protocol.failure import Failure, RetryState
from perdure_engine.core import activity, attempt, fold
from perdure_engine.core.state import ActivityPhase, ActivityState, MutableState
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule


@planted(Rule.UNASKED, Rule.RESULT_KEPT, seed=16)
def count_a_zombies_completion(patch: pytest.MonkeyPatch) -> None:
    """What a worker says counts, whichever attempt it had: one that was given up for lost speaks for its successor."""

    def current(state: MutableState, scheduled_event_id: int, attempt_no: int, now_us: int) -> ActivityState | None:
        found = state.activities.get(scheduled_event_id)
        return None if found is None or found.phase == ActivityPhase.RESOLVED else found

    patch.setattr(activity, "current", current)


@planted(Rule.LEGAL, Rule.ATTEMPT_KNOWN)
def count_a_retry_twice(patch: pytest.MonkeyPatch) -> None:
    """A failed attempt counts for two."""
    count = fold.RULES[EventType.ACTIVITY_ATTEMPT_FAILED]

    def count_twice(state: MutableState, record: HistoryEvent) -> None:
        count(state, record)
        state.activities[record.attributes.scheduled_event_id].attempt += 1

    patch.setitem(fold.RULES, EventType.ACTIVITY_ATTEMPT_FAILED, count_twice)


@planted(Rule.AT_MOST_ONCE, Rule.LEGAL)
def try_again_what_may_run_once(patch: pytest.MonkeyPatch) -> None:
    """The limit of attempts is not looked at."""
    find_state = attempt.retry_state

    def overlook_limit(activity: ActivityState, failure: Failure, next_us: int) -> RetryState:
        state = find_state(activity, failure, next_us)
        return RetryState.IN_PROGRESS if state == RetryState.MAXIMUM_ATTEMPTS_REACHED else state

    patch.setattr(attempt, "retry_state", overlook_limit)
