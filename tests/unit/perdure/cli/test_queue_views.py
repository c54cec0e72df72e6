"""Settings of queues in a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perdure.cli.queue_views import limits_text, settings_json
from perdure.client import TaskQueueLimits, TaskQueueSettings

NOTHING = TaskQueueSettings(TaskQueueLimits(), TaskQueueLimits(), {}, None, "", 0, None, "")


@pytest.mark.parametrize(
    ("rate", "text"),
    [(100.0, "100/s"), (0.5, "30/m"), (1 / 3600, "1/h"), (2 / 86_400, "2/d"), (0.083333, "5/m"), (12_345, "12,345/s")],
)
def test_a_rate_is_shown_in_the_unit_that_it_has_whole_numbers_in(rate: float, text: str) -> None:
    settings = TaskQueueSettings(TaskQueueLimits(rate), TaskQueueLimits(), {}, None, "", 1, None, "")
    assert limits_text(settings) == text


def test_a_pause_that_ends_by_itself() -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    settings = TaskQueueSettings(TaskQueueLimits(), TaskQueueLimits(), {}, until, "", 1, None, "")
    assert limits_text(settings).startswith("paused until 2")
    assert settings_json(settings)["pausedUntil"] == until.isoformat()
    assert limits_text(NOTHING) == ""
