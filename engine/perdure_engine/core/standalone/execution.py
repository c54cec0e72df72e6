"""One execution of an activity without a workflow, as the rules know it.

Rule: as long as `is_kept` is False, the entry of its task says all of it, and there is no row beside the task's.
"""

from __future__ import annotations

from dataclasses import dataclass

from perdure.protocol.activity_executions import ActivityOptions
from perdure.protocol.ids import activity_run_id
from perdure.protocol.replies import ExecutionStatus, Outcome
from perdure_engine.core.standalone.deduplicated import Deduplicated
from perdure_engine.core.state import ActivityState

NO_OPTIONS = ActivityOptions()


@dataclass(slots=True)
class ActivityExecution(ActivityState):
    """An `ActivityState` without a run around it: its `scheduled_event_id` is the number of the execution.

    Attributes:
        run_id: What stands for a run id in tasks, timers and rows; that of all executions of the activity id.
        request_id: Of the start; empty if the activity id was made for it.
        ended_by: The request that ended it in place of its worker.
        is_kept: A row is to say what the entry of its task does not.
        outcome: Set when it is closed.
        deduplicated: Of one that is to run once: what that rests on.
    """

    namespace: str = ""
    run_id: str = ""
    shard_id: int = 0
    request_id: str = ""
    options: ActivityOptions = NO_OPTIONS
    start_delay_ms: int = 0
    search_attributes: bytes = b""
    cancel_reason: str = ""
    ended_by: str = ""
    is_kept: bool = False
    outcome: Outcome | None = None
    close_time_us: int = 0
    deduplicated: Deduplicated | None = None

    @property
    def number(self) -> int:
        return self.scheduled_event_id

    @property
    def status(self) -> int:
        return ExecutionStatus.RUNNING if self.outcome is None else self.outcome.status

    @property
    def activity_run_id(self) -> str:
        """The run id that users see."""
        return activity_run_id(self.run_id, self.scheduled_event_id)
