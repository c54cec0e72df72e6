"""What the store said of activities."""

from __future__ import annotations

from perdure.protocol.ids import activity_execution_id
from perdure.protocol.requests import AwaitActivity, GetActivityTask
from perdure_engine.history.loaded_activities import LoadedActivities


def test_what_is_broken_is_known_by_its_id_and_by_its_tasks() -> None:
    loaded = LoadedActivities()
    run_id = activity_execution_id("default", "a")
    loaded.broken[run_id] = "it is broken"
    assert loaded.broken_reason(AwaitActivity("default", "a", "")) == "it is broken"
    assert loaded.broken_reason(GetActivityTask(run_id, 1, 1)) == "it is broken"
    assert loaded.broken_reason(AwaitActivity("default", "b", "")) is None
