"""What an attempt knows about itself."""

from __future__ import annotations

from datetime import UTC, datetime

from perdure.activity import Info
from perdure.common import Priority

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INFO = Info(
    activity_id="1",
    activity_type="charge",
    attempt=2,
    current_attempt_scheduled_time=NOW,
    heartbeat_details=(),
    heartbeat_timeout=None,
    is_local=False,
    namespace="default",
    schedule_to_close_timeout=None,
    scheduled_time=NOW,
    start_to_close_timeout=None,
    started_time=NOW,
    task_queue="queue",
    task_token=b"",
    workflow_id="wf",
    workflow_namespace="default",
    workflow_run_id="run",
    workflow_type="Order",
    priority=Priority.default,
    retry_policy=None,
)


def test_what_log_records_say() -> None:
    assert INFO.logger_details()["activity_type"] == "charge"
    assert INFO.in_workflow
