"""What a handle asks for operators of activities."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.protocol.replies import ReplyKind
from perdure.protocol.requests import ActivityChange, ChangeActivity
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows


def answer(number: int, request: Any) -> Rows:
    yield number, ReplyKind.OK, None


async def test_what_it_asks_for() -> None:
    async with client_of(answer) as (client, engine):
        handle = client.get_workflow_handle("w", run_id="5f0c0e3a-0000-4000-8000-000000000001")
        await handle.pause_activity("a", reason="maintenance")
        await handle.unpause_activity(activity_type="charge", reset_attempts=True)
        await handle.reset_activity("a", jitter=timedelta(seconds=2), reset_heartbeat=True, keep_paused=True)
        pause, unpause, reset = engine.requests(ChangeActivity)
        assert pause[:8] == ("default", "w", handle.run_id, "a", "", ActivityChange.PAUSE, "maintenance", 0)
        assert unpause[3:11] == ("", "charge", ActivityChange.UNPAUSE, "", 0, True, False, False)
        assert 0 <= reset.delay_ms <= 2_000
        assert reset[8:11] == (False, True, True)
        assert len({request.request_id for request in (pause, unpause, reset)}) == 3


async def test_which_one_must_be_clear() -> None:
    async with client_of(answer) as (client, _):
        handle = client.get_workflow_handle("w")
        with pytest.raises(ValueError, match="give its id, or activity_type=, not both"):
            await handle.pause_activity()
        with pytest.raises(ValueError, match="give its id, or activity_type=, not both"):
            await handle.reset_activity("a", activity_type="charge")
        with pytest.raises(ValueError, match="jitter is -1 day"):
            await handle.unpause_activity("a", jitter=timedelta(days=-1))
