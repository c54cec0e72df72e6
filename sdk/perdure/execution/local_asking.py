"""How a workflow asks for local activities: through its interceptors, if it has any, and then as calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from perdure.common import Payload, RetryPolicy, milliseconds
from perdure.execution.asking import AskingWorkflow
from perdure.execution.interceptors import StartLocalActivityInput
from perdure.execution.local_activities import LocalActivities, LocalCall
from perdure.execution.local_activity_future import LocalActivityFuture
from perdure.execution.local_marker import LocalOutcome
from perdure.protocol.events import HistoryEvent
from perdure.protocol.ids import text_problem
from perdure.protocol.payload import pack_payload_map
from perdure.protocol.retry import DEFAULT_RETRY_POLICY
from perdure.workflow.activity_options import ActivityCancellationType, ActivityHandle


class LocallyAskingWorkflow(AskingWorkflow, ABC):
    """A workflow that asks for local activities, too, and is told by its worker what came of them."""

    _local: LocalActivities | None
    _error: BaseException | None
    _started: HistoryEvent | None

    @property
    @abstractmethod
    def is_complete(self) -> bool: ...

    @property
    def local_activities(self) -> LocalActivities:
        if self._local is None:
            self._local = LocalActivities(self)
        return self._local

    @property
    def task_timeout_ms(self) -> int:
        """How long a worker may take for one workflow task."""
        assert self._started is not None
        return int(self._started.attributes.task_timeout_ms)

    @property
    def local_calls(self) -> LocalActivities | None:
        """The local activities that a worker has to run before the workflow task is completed; None if there are
        none."""
        local = self._local
        return local if local is not None and local.outstanding and not self.is_complete else None

    def settle_local(self, outcome: LocalOutcome) -> None:
        """A local activity has ended: the workflow runs on.

        Raises: as `activate`.
        """
        with self.loop:
            self.local_activities.settle(outcome)
            if self._error is not None:
                raise self._error

    def start_local_activity(
        self,
        activity_type: str,
        arguments: Sequence[Any],
        result_type: Any,
        awaited_at_once: bool,
        schedule_to_close_timeout: timedelta | None,
        schedule_to_start_timeout: timedelta | None,
        start_to_close_timeout: timedelta | None,
        retry_policy: RetryPolicy | None,
        local_retry_threshold: timedelta | None,
        cancellation_type: int,
        activity_id: str | None,
        summary: str | None,
        headers: Mapping[str, Payload] | None = None,
    ) -> ActivityHandle[Any]:
        """Ask for a local activity. `headers` None: no interceptor has seen it yet.

        Raises: as `start_activity`.
        """
        if headers is None and self.interception is not None:
            return self.interception.outbound.start_local_activity(
                StartLocalActivityInput(
                    activity=activity_type,
                    args=arguments,
                    activity_id=activity_id,
                    schedule_to_close_timeout=schedule_to_close_timeout,
                    schedule_to_start_timeout=schedule_to_start_timeout,
                    start_to_close_timeout=start_to_close_timeout,
                    retry_policy=retry_policy,
                    local_retry_threshold=local_retry_threshold,
                    cancellation_type=ActivityCancellationType(cancellation_type),
                    headers={},
                    summary=summary,
                    ret_type=result_type,
                    awaited_at_once=awaited_at_once,
                )
            )
        self.loop.check_may_act()
        if start_to_close_timeout is None and schedule_to_close_timeout is None:
            raise ValueError(
                f"local activity {activity_type!r} needs a start_to_close_timeout (for each attempt) or a "
                "schedule_to_close_timeout (for all of them together)"
            )
        if activity_id is not None and (problem := text_problem("activity_id", activity_id)) is not None:
            raise ValueError(problem)
        number = self.local_activities.next_number()
        call = LocalCall(
            number,
            activity_id or str(number),
            activity_type,
            self.settings.converter.to_bytes(arguments),
            pack_payload_map(headers) if headers else b"",
            milliseconds("schedule_to_close_timeout", schedule_to_close_timeout),
            milliseconds("schedule_to_start_timeout", schedule_to_start_timeout),
            milliseconds("start_to_close_timeout", start_to_close_timeout),
            DEFAULT_RETRY_POLICY if retry_policy is None else retry_policy.to_data(),
            milliseconds("local_retry_threshold", local_retry_threshold) or self.task_timeout_ms,
            1,
            self.loop.now_us,
        )
        return LocalActivityFuture(self, call, result_type, awaited_at_once, cancellation_type)
