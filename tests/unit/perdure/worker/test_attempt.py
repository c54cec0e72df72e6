"""An attempt of whatever kind: what it runs, and how it stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.activity.definition import ActivityDefinition
from perdure.protocol.codec import unpack
from perdure.worker import attempt as module
from perdure.worker.attempt import StopReason
from tests.unit.perdure.worker.test_activity_attempt import Owner
from tests.waiting import wait_until
from tests.worker_stage import stage


async def test_a_result_that_cannot_be_converted_is_a_failure() -> None:
    async with stage() as on:
        owner = Owner(on)
        await owner.attempt().run()
        assert "type object cannot be made JSON" in owner.sent[0].failure.message
        owner.deadlines.close()


async def test_the_idempotency_key_is_that_of_every_attempt() -> None:
    async with stage() as on:
        owner = Owner(on)
        first, second = owner.attempt(activity_id="a"), owner.attempt(activity_id="a", attempt=2)
        assert first.make_info().idempotency_key == second.make_info().idempotency_key
        assert first.make_info().idempotency_key != owner.attempt(activity_id="b").make_info().idempotency_key
        assert unpack(first.make_info().task_token)[1] == "wf"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_what_would_end_the_process_fails_the_attempt_alone(error: BaseException) -> None:
    async with stage() as on:
        owner = Owner(on)
        attempt = owner.attempt()

        async def leave() -> None:
            raise error

        attempt.definition = ActivityDefinition("work", leave, is_async=True)
        await attempt.run()
        assert owner.sent[0].failure.info.type == type(error).__name__
        owner.deadlines.close()


async def test_the_first_reason_to_stop_counts() -> None:
    async with stage() as on:
        attempt = Owner(on).attempt()
        stopped = []
        attempt.stop_now = lambda: stopped.append(attempt.stop_reason)
        attempt.stop(StopReason.WORKER_SHUTDOWN)
        attempt.stop(StopReason.CANCEL_REQUESTED)
        assert stopped == [StopReason.WORKER_SHUTDOWN]
        assert attempt.cancellation_details is not None
        assert attempt.cancellation_details.worker_shutdown
        assert attempt.cancelled.is_set()


async def test_only_what_nobody_wants_is_killed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "KILL_AFTER_S", 0.02)
    async with stage() as on:
        owner = Owner(on)
        polite, rude, over = owner.attempt(), owner.attempt(), owner.attempt()
        killed: list[Any] = []
        for number, attempt in enumerate((polite, rude, over)):
            attempt.kill_now = lambda number=number: killed.append(number)  # type: ignore[misc]
        polite.stop(StopReason.CANCEL_REQUESTED)
        over.stop(StopReason.NOT_WANTED)
        over.failed(asyncio.CancelledError())
        rude.stop(StopReason.CANCEL_REQUESTED)
        rude.stop(StopReason.NOT_WANTED)

        async def done() -> bool:
            return bool(killed)

        await wait_until(done, what="the kill")
        assert killed == [1]
        assert rude.is_killed
        assert "did not stop within 0.02 s; its process is killed" in caplog.text
