"""What the store said about the activities without a workflow that a batch names."""

from __future__ import annotations

from typing import Any

from perdure.protocol.ids import activity_execution_id
from perdure_engine.core.standalone.execution import ActivityExecution


class LoadedActivities:
    """Closed executions, by what stands for their run id and their number (0: the last one); open ones are in memory.

    `broken`: those that cannot be read, by what stands for their run id, with the reason; they harm nobody else.
    """

    def __init__(self) -> None:
        self.closed: dict[tuple[str, int], ActivityExecution] = {}
        self.broken: dict[str, str] = {}

    def broken_reason(self, request: Any) -> str | None:
        """Why the activity that a request names cannot be worked with, or None."""
        activity_id = getattr(request, "activity_id", "")
        run_id = activity_execution_id(request.namespace, activity_id) if activity_id else request.run_id
        return self.broken.get(run_id)


NOTHING_LOADED = LoadedActivities()
