"""One local activity: its attempts, its times, and what comes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.activity.shared_flag import SharedFlag
from perdure.exceptions import ApplicationError, CancelledError
from perdure.execution.local_activities import LocalCall
from perdure.execution.local_marker import LocalOutcome
from perdure.metrics import MetricMeter
from perdure.protocol.failure import ApplicationInfo, CanceledInfo, RetryState, TimeoutInfo, TimeoutType
from perdure.protocol.retry import DEFAULT_RETRY_POLICY, RetryPolicyData
from perdure.worker.attempt import StopReason
from perdure.worker.deadlines import Deadlines
from perdure.worker.local_activity import LocalActivity, LocalAttempt, LocalRun
from tests.unit.perdure.worker.test_link import _link
from tests.waiting import wait_until
from tests.worker_stage import Stage, stage

RUN = LocalRun("default", "wf", "run", "Order", 0, "queue")
AT_ONCE = RetryPolicyData(initial_interval_ms=1, backoff_coefficient=1.0)


@activity.defn
async def work() -> str:
    return "done"


class Owner:
    """A worker with one local activity, whose attempts the test ends by hand."""

    def __init__(self, on: Stage) -> None:
        self.link = _link(on)
        self.deadlines = Deadlines(self.link.loop, 0.0)
        self.metric_meter = MetricMeter.noop
        self.worker_shutdown = SharedFlag()
        self.loop_thread = 0
        self.has_room = True
        self.known = True
        self.attempts: list[LocalAttempt] = []
        self.outcomes: list[LocalOutcome] = []
        self.rooms_given_up = 0

    def room_for(self, activity: LocalActivity) -> bool:
        return self.has_room

    def give_up_room(self, activity: LocalActivity) -> None:
        self.rooms_given_up += 1

    def definition_of(self, activity_type: str) -> ActivityDefinition | str:
        definition = ActivityDefinition.of(work)
        assert definition is not None
        return definition if self.known else f"there is no {activity_type}"

    def start_attempt(self, attempt: LocalAttempt) -> None:
        attempt.begin()
        self.attempts.append(attempt)

    def begin(self, **changes: Any) -> LocalActivity:
        now_us = self.link.environment.now_us()
        call = LocalCall(1, "a", "work", b"", b"", 0, 0, 60_000, AT_ONCE, 10_000, 1, now_us)
        local = LocalActivity(self, RUN, call._replace(**changes), self.outcomes.append)
        local.ask_for_room()
        return local

    async def attempt(self, number: int) -> LocalAttempt:
        async def look() -> LocalAttempt | None:
            return self.attempts[number - 1] if len(self.attempts) >= number else None

        return await wait_until(look, what=f"attempt {number}", timeout_seconds=5)

    async def outcome(self) -> LocalOutcome:
        async def look() -> LocalOutcome | None:
            return self.outcomes[0] if self.outcomes else None

        return await wait_until(look, what="the outcome", timeout_seconds=5)


async def test_it_returns() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.begin()
        (attempt,) = owner.attempts
        assert (attempt.info().is_local, attempt.info().attempt, attempt.info().workflow_id) == (True, 1, "wf")
        attempt.heartbeat(("ignored",))
        await attempt.run()
        assert owner.outcomes == [LocalOutcome(1, "a", "work", 1, attempt.encode("done"))]
        attempt.failed(ValueError("too late"))
        assert len(owner.outcomes) == 1


async def test_it_is_tried_again_in_the_worker() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.begin(retry_policy=AT_ONCE._replace(maximum_attempts=3))
        for number in (1, 2, 3):
            (await owner.attempt(number)).failed(ValueError(str(number)))
        outcome = await owner.outcome()
        assert (outcome.attempt, outcome.retry_state) == (3, RetryState.MAXIMUM_ATTEMPTS_REACHED)
        assert outcome.failure is not None
        assert outcome.failure.message == "3"
        assert [attempt.task.attempt for attempt in owner.attempts] == [1, 2, 3]


@pytest.mark.parametrize(
    ("changes", "error", "state", "backoff_ms"),
    [
        ({}, ApplicationError("no", non_retryable=True), RetryState.NON_RETRYABLE_FAILURE, 0),
        (
            {"retry_policy": AT_ONCE._replace(non_retryable_error_types=("ValueError",))},
            ValueError("no"),
            RetryState.NON_RETRYABLE_FAILURE,
            0,
        ),
        (
            {"schedule_to_close_timeout_ms": 900, "retry_policy": DEFAULT_RETRY_POLICY},
            KeyError(1),
            RetryState.TIMEOUT,
            0,
        ),
        ({"retry_policy": RetryPolicyData(initial_interval_ms=11_000)}, KeyError(1), RetryState.IN_PROGRESS, 11_000),
        ({"attempt": 5, "retry_policy": DEFAULT_RETRY_POLICY}, KeyError(1), RetryState.IN_PROGRESS, 16_000),
    ],
)
async def test_what_is_not_tried_again_here(
    changes: dict[str, Any], error: Exception, state: RetryState, backoff_ms: int
) -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.begin(**changes)
        owner.attempts[0].failed(error)
        [outcome] = owner.outcomes
        assert (outcome.retry_state, outcome.backoff_ms) == (state, backoff_ms)


@pytest.mark.parametrize(
    ("changes", "kind", "state"),
    [
        ({"start_to_close_timeout_ms": 20}, TimeoutType.START_TO_CLOSE, RetryState.MAXIMUM_ATTEMPTS_REACHED),
        ({"schedule_to_close_timeout_ms": 20}, TimeoutType.SCHEDULE_TO_CLOSE, RetryState.TIMEOUT),
        (
            {"start_to_close_timeout_ms": 0, "schedule_to_close_timeout_ms": 20},
            TimeoutType.SCHEDULE_TO_CLOSE,
            RetryState.TIMEOUT,
        ),
    ],
)
async def test_its_times_hold_whether_or_not_it_stops(
    changes: dict[str, Any], kind: TimeoutType, state: RetryState
) -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.begin(retry_policy=AT_ONCE._replace(maximum_attempts=1), **changes)
        outcome = await owner.outcome()
        assert outcome.failure is not None
        assert isinstance(outcome.failure.info, TimeoutInfo)
        assert (outcome.failure.info.timeout_type, outcome.retry_state) == (kind, state)
        assert owner.attempts[0].stop_reason == StopReason.TIMED_OUT
        owner.attempts[0].completed(b"too late")
        assert len(owner.outcomes) == 1


async def test_waiting_for_room_has_its_time_too() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.has_room = False
        owner.begin(schedule_to_start_timeout_ms=10)
        outcome = await owner.outcome()
        assert outcome.failure is not None
        assert outcome.failure.info == TimeoutInfo(TimeoutType.SCHEDULE_TO_START)
        assert (outcome.retry_state, owner.attempts) == (RetryState.TIMEOUT, [])


async def test_an_activity_that_the_worker_does_not_have_may_come() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.known = False
        owner.begin()
        owner.known = True
        (await owner.attempt(1)).completed(b"result")
        assert (await owner.outcome()).attempt == 2


async def test_a_cancellation_that_is_waited_for() -> None:
    async with stage() as on:
        owner = Owner(on)
        local = owner.begin()
        local.cancel()
        local.cancel()
        assert owner.attempts[0].stop_reason == StopReason.CANCEL_REQUESTED
        owner.attempts[0].failed(CancelledError("stopped", "cleaned up"))
        [outcome] = owner.outcomes
        assert outcome.retry_state == RetryState.CANCEL_REQUESTED
        assert outcome.failure is not None
        assert isinstance(outcome.failure.info, CanceledInfo)
        assert on.client.data_converter.from_bytes(outcome.failure.info.details) == ["cleaned up"]
        local.cancel()


async def test_a_cancellation_between_attempts_ends_it_at_once() -> None:
    async with stage() as on:
        owner = Owner(on)
        local = owner.begin(retry_policy=RetryPolicyData(initial_interval_ms=9_000))
        owner.attempts[0].failed(ValueError("no"))
        assert owner.outcomes == []
        local.cancel()
        [outcome] = owner.outcomes
        assert outcome.failure is not None
        assert isinstance(outcome.failure.info, CanceledInfo)


async def test_what_nobody_waits_for_says_nothing() -> None:
    async with stage() as on:
        owner = Owner(on)
        local = owner.begin()
        local.stop(StopReason.NOT_WANTED)
        owner.attempts[0].failed(asyncio.CancelledError())
        local.stop(StopReason.NOT_WANTED)
        local.cancel()
        assert owner.outcomes == []
        assert owner.rooms_given_up == 2


async def test_it_cannot_be_left_to_others() -> None:
    async with stage() as on:
        owner = Owner(on)
        owner.begin()
        await owner.attempts[0].run(_leave)
        [outcome] = owner.outcomes
        assert outcome.failure is not None
        assert isinstance(outcome.failure.info, ApplicationInfo)
        assert (outcome.failure.info.type, outcome.failure.info.non_retryable) == ("CompleteAsync", True)


async def _leave(attempt: Any, arguments: Any) -> None:
    activity.raise_complete_async()
