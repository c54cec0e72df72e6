"""Activities that are started again after they failed for good."""

from __future__ import annotations

import pytest

from perdure.client import ActivityFailureError
from perdure.exceptions import ActivityAlreadyStartedError, ApplicationError
from tests.unit.perdure.client.mails import MINUTE, QUEUE, bounce, post_office, send, wait


async def test_what_failed_for_good_is_started_again_with_what_it_had() -> None:
    async with post_office() as client:
        failed = await client.start_activity(
            bounce, "eve", id="b", task_queue=QUEUE, start_to_close_timeout=MINUTE, summary="to eve"
        )
        with pytest.raises(ActivityFailureError):
            await failed.result()
        again = await failed.requeue()
        assert again.run_id != failed.run_id
        with pytest.raises(ActivityFailureError) as caught:
            await again.result()
        assert isinstance(caught.value.cause, ApplicationError)
        assert caught.value.cause.message == "eve is unknown"
        described = await again.describe()
        assert (described.summary, described.start_to_close_timeout) == ("to eve", MINUTE)


async def test_what_goes_on_or_has_completed_is_not() -> None:
    async with post_office() as client:
        running = await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        done = await client.start_activity(send, "x", id="d", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        await done.result()
        for handle in (running, done):
            with pytest.raises(ActivityAlreadyStartedError) as caught:
                await handle.requeue()
            assert caught.value.run_id == handle.run_id
        await running.terminate()
        first = await running.requeue()
        with pytest.raises(ActivityAlreadyStartedError):
            await running.requeue()
        await first.terminate()


async def test_all_that_a_query_finds_and_each_once() -> None:
    query = f"TaskQueue = '{QUEUE}'"
    async with post_office() as client:
        done = await client.start_activity(send, "x", id="d", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        await done.result()
        for number in range(3):
            failed = await client.start_activity(
                bounce, "eve", id=f"b{number}", task_queue=QUEUE, start_to_close_timeout=MINUTE
            )
            with pytest.raises(ActivityFailureError):
                await failed.result()
        running = await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        assert await client.requeue_activities(query, limit=2) == 1, "the newest two: one runs"
        with pytest.raises(ActivityFailureError):
            await client.get_activity_handle("b2").result()
        assert await client.requeue_activities(query) == 3, "of the two of one id, one"
        await running.terminate()
