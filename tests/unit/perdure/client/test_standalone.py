"""Activities without a workflow, from the client to the worker and back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.client import ActivityExecutionStatus, ActivityFailureError, RPCError, RPCStatusCode
from perdure.common import ActivityIDConflictPolicy, ActivityIDReusePolicy, RetryPolicy
from perdure.exceptions import ActivityAlreadyStartedError, ApplicationError, CancelledError, TerminatedError
from tests.unit.perdure.client.mails import MINUTE, QUEUE, bounce, by_hand, count, post_office, send, wait
from tests.waiting import wait_until


async def test_executed_started_and_asked_for_again() -> None:
    async with post_office() as client:
        assert await client.execute_activity(
            send, "ada", id="mail-1", task_queue=QUEUE, start_to_close_timeout=MINUTE
        ) == ["ada"]
        handle = await client.start_activity(
            send, args=["bob", 2], id="mail-1", task_queue=QUEUE, start_to_close_timeout=MINUTE
        )
        assert await handle.result() == ["bob", "bob"]
        assert await handle.result() == ["bob", "bob"], "it knows"
        again = client.get_activity_handle("mail-1", result_type=list[str])
        assert (again.id, again.run_id) == ("mail-1", None)
        assert await again.result() == ["bob", "bob"]
        assert await client.execute_activity(
            count, "a b c", id="c", task_queue=QUEUE, schedule_to_close_timeout=MINUTE
        ) == 3  # fmt: skip
        assert await client.execute_activity(
            "count", "a b", id="d", task_queue=QUEUE, schedule_to_close_timeout=MINUTE, rpc_timeout=MINUTE
        ) == 2  # fmt: skip


async def test_it_fails() -> None:
    async with post_office() as client:
        with pytest.raises(ActivityFailureError) as caught:
            await client.execute_activity(bounce, "eve", id="b", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        assert isinstance(caught.value.cause, ApplicationError)
        assert (caught.value.cause.message, caught.value.cause.type) == ("eve is unknown", "Unknown")
        described = await client.get_activity_handle("b").describe(include_outcome=True, include_input=True)
        assert described.status == ActivityExecutionStatus.FAILED
        assert await described.input([str]) == ["eve"]
        assert str(await described.outcome_failure()) == "Unknown: eve is unknown"


async def test_an_id_is_taken() -> None:
    async with post_office() as client:
        first = await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        with pytest.raises(ActivityAlreadyStartedError) as caught:
            await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        assert (caught.value.activity_id, caught.value.run_id) == ("w", first.run_id)
        shared = await client.start_activity(
            wait,
            id="w",
            task_queue=QUEUE,
            start_to_close_timeout=MINUTE,
            id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
        )
        assert shared.run_id == first.run_id
        await first.terminate(reason="enough")
        with pytest.raises(ActivityFailureError) as ended:
            await shared.result()
        assert isinstance(ended.value.cause, TerminatedError)
        with pytest.raises(ActivityAlreadyStartedError):
            await client.execute_activity(
                wait,
                id="w",
                task_queue=QUEUE,
                start_to_close_timeout=MINUTE,
                id_reuse_policy=ActivityIDReusePolicy.REJECT_DUPLICATE,
            )


async def test_it_is_cancelled_before_it_runs_and_while_it_runs() -> None:
    async with post_office() as client:
        delayed = await client.start_activity(
            send, "x", id="d", task_queue=QUEUE, start_to_close_timeout=MINUTE, start_delay=timedelta(hours=1)
        )
        running = await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)

        async def is_reported() -> bool:
            return (await running.describe()).last_worker_identity is not None

        await wait_until(is_reported, what="it runs")
        for handle in (delayed, running):
            await handle.cancel(reason="not needed")
            with pytest.raises(ActivityFailureError) as caught:
                await handle.result()
            assert isinstance(caught.value.cause, CancelledError)
        with pytest.raises(RPCError) as late:
            await delayed.cancel()
        assert late.value.status == RPCStatusCode.NOT_FOUND


async def test_it_is_completed_from_outside() -> None:
    async with post_office() as client:
        handle = await client.start_activity(
            by_hand,
            id="h",
            task_queue=QUEUE,
            start_to_close_timeout=MINUTE,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        outside = client.get_async_activity_handle(activity_id="h")
        await outside.heartbeat("half")
        assert await (await handle.describe(include_heartbeat_details=True)).heartbeat_details() == ["half"]
        await outside.complete("signed")
        assert await handle.result() == "signed"


async def test_what_the_call_refuses() -> None:
    async with post_office() as client:
        with pytest.raises(ValueError, match="give it a start_to_close_timeout"):
            await client.start_activity(send, "x", id="a", task_queue=QUEUE)
        with pytest.raises(ValueError, match="the activity id must not be empty"):
            await client.start_activity(send, "x", id="", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        with pytest.raises(TypeError, match=r"decorate it with @activity\.defn"):
            await client.start_activity(len, "x", id="a", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        with pytest.raises(RPCError) as unknown:
            await client.get_activity_handle("nobody").result()
        assert "there is no activity 'nobody'" in unknown.value.message
