"""What a workflow must say of an activity that it starts; what comes of it is in the tests of futures and calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure import workflow
from perdure.common import RetryPolicy
from perdure.execution.local_activities import LocalCall
from perdure.protocol.retry import DEFAULT_RETRY_POLICY, RetryPolicyData
from tests.workflow_story import Story

TIMEOUT = timedelta(seconds=9)


@workflow.defn
async def tries(local: bool, case: str) -> None:
    options: dict[str, Any] = {
        "none": {},
        "id": {"start_to_close_timeout": TIMEOUT, "activity_id": ""},
        "negative": {"start_to_close_timeout": -TIMEOUT},
    }[case]
    if local:
        await workflow.execute_local_activity("charge", **options)
    else:
        await workflow.execute_activity("charge", **options)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("none", "activity 'charge' needs a start_to_close_timeout .for each attempt. or a schedule_to_close_timeout"),
        ("id", "activity_id must not be empty"),
        ("negative", "start_to_close_timeout"),
    ],
)
def test_what_it_must_say(local: bool, case: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Story(tries, local, case).task()


@workflow.defn
async def calls_locally() -> None:
    workflow.start_local_activity("default", start_to_close_timeout=TIMEOUT)
    await workflow.execute_local_activity(
        "own",
        schedule_to_close_timeout=TIMEOUT,
        schedule_to_start_timeout=timedelta(seconds=1),
        retry_policy=RetryPolicy(maximum_attempts=3),
        local_retry_threshold=timedelta(seconds=2),
        activity_id="mine",
    )


def test_what_a_local_call_says() -> None:
    story = Story(calls_locally)
    calls: dict[int, LocalCall] = {}

    def note(call: LocalCall) -> None:
        calls[call.number] = call

    story.task(note)
    first, second = calls.values()
    assert (first.activity_id, first.retry_policy, first.attempt) == ("1", DEFAULT_RETRY_POLICY, 1)
    assert first.local_retry_threshold_ms == 10_000, "the timeout of a workflow task"
    assert (second.activity_id, second.local_retry_threshold_ms) == ("mine", 2_000)
    assert (second.schedule_to_close_timeout_ms, second.schedule_to_start_timeout_ms) == (9_000, 1_000)
    assert (second.retry_policy, second.first_asked_us) == (RetryPolicyData(maximum_attempts=3), story.now_us)
