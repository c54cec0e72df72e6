"""The handle to an activity that is completed from outside."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.activity import ActivityCancellationDetails
from perdure.client import (
    AsyncActivityCancelledError,
    AsyncActivityIDReference,
    RPCError,
    RPCStatusCode,
)
from perdure.client.async_activity import reference_of
from perdure.protocol.codec import pack
from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.payload import NO_VALUES
from perdure.protocol.replies import ActivityDirective, ReplyKind
from perdure.protocol.requests import ActivityReport, ReportActivity
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows

DIRECTIVES = {
    b"": ActivityDirective(True, False),
    CONVERTER.to_bytes(("stop",)): ActivityDirective(True, True),
    CONVERTER.to_bytes(("later",)): ActivityDirective(True, False, True),
    CONVERTER.to_bytes(("gone",)): ActivityDirective(False, False),
}


def answer(number: int, request: Any) -> Rows:
    directive = DIRECTIVES.get(request.data, ActivityDirective(True, False))
    yield number, ReplyKind.OK, directive if request.report == ActivityReport.HEARTBEAT else None


async def test_what_it_says_by_ids() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_async_activity_handle(workflow_id="w", run_id=None, activity_id="7")
        await handle.heartbeat("half", 2)
        await handle.heartbeat()
        await handle.complete("done")
        await handle.complete()
        await handle.fail(ValueError("no"), last_heartbeat_details=["page", 3])
        await handle.report_cancellation("why")
        beat, empty_beat, done, nothing, failed, canceled = engine.requests(ReportActivity)
        assert (beat.namespace, beat.workflow_id, beat.run_id, beat.activity_id) == ("default", "w", "", "7")
        assert (beat.scheduled_event_id, beat.attempt, beat.request_id) == (0, 0, "")
        assert CONVERTER.from_bytes(beat.data) == ["half", 2]
        assert (empty_beat.data, CONVERTER.from_bytes(empty_beat.data)) == (NO_VALUES, [])
        assert CONVERTER.value_from_bytes(done.data, str) == "done"
        assert CONVERTER.value_from_bytes(nothing.data, None) is None
        assert isinstance(failed.failure.info, ApplicationInfo)
        assert failed.failure.info.type == "ValueError"
        assert CONVERTER.from_bytes(failed.heartbeat_details) == ["page", 3]
        assert canceled.report == ActivityReport.CANCELED
        assert len({request.request_id for request in (done, nothing, failed, canceled)}) == 4


async def test_a_token_names_one_attempt_wherever_it_is() -> None:
    async with client_of(answer) as (client, engine):
        token = pack(("other", "w", "5f0c0e3a-0000-4000-8000-000000000001", 5, 3))
        await client.get_async_activity_handle(task_token=token).complete(1)
        [done] = engine.requests(ReportActivity)
        assert (done.namespace, done.activity_id, done.scheduled_event_id, done.attempt) == ("other", "", 5, 3)


async def test_a_heartbeat_tells_what_the_engine_wants() -> None:
    async with client_of(answer) as (client, _):
        handle = client.get_async_activity_handle(workflow_id="w", run_id=None, activity_id="7")
        with pytest.raises(AsyncActivityCancelledError) as caught:
            await handle.heartbeat("stop")
        assert caught.value.details is not None
        assert caught.value.details.cancel_requested
        with pytest.raises(AsyncActivityCancelledError) as paused:
            await handle.heartbeat("later")
        assert paused.value.details == ActivityCancellationDetails(paused=True)
        with pytest.raises(RPCError, match="waits for its next attempt, or is over") as gone:
            await handle.heartbeat("gone")
        assert gone.value.status == RPCStatusCode.NOT_FOUND


async def test_what_names_no_activity_is_refused() -> None:
    async with client_of(answer) as (client, _):
        for token in (b"", b"nonsense", pack((1, 2)), pack(("default", "w", "r", 5, "1"))):
            with pytest.raises(ValueError, match="this is no task token"):
                client.get_async_activity_handle(task_token=token)
        with pytest.raises(ValueError, match="activity_id must not be empty"):
            client.get_async_activity_handle(workflow_id="w", run_id=None, activity_id="")


def test_either_ids_or_a_token() -> None:
    assert reference_of("w", "r", "a", None) == AsyncActivityIDReference("w", "r", "a")
    assert reference_of(None, None, None, b"token") == b"token"
    with pytest.raises(ValueError, match="give either task_token="):
        reference_of("w", None, None, b"token")
    for ids in (("w", None, None), (None, "r", None), (None, None, None)):
        with pytest.raises(ValueError, match="give task_token=, or activity_id="):
            reference_of(*ids, None)
