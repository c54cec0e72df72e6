"""Client interceptors: a chain of objects that every call of a client passes through.

Role: `Client` and its handles turn each call into an input (`perdure.client.inputs`) and give it to the first of the
chain; the last one, `perdure.client.calls.ClientCalls`, makes the request.

To add a call to the chain:
1. its input, a dataclass in `inputs.py`;
2. a method here that gives it to `self.next`;
3. the same method in `calls.py`, which carries it out;
4. in `Client` or a handle, one line: `await self._connection.calls.<method>(<Input>(...))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perdure.client.async_activity_inputs import (
    CompleteAsyncActivityInput,
    FailAsyncActivityInput,
    HeartbeatAsyncActivityInput,
    ReportCancellationAsyncActivityInput,
)
from perdure.client.inputs import (
    CancelWorkflowInput,
    CountWorkflowsInput,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    ListWorkflowsInput,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    TerminateWorkflowInput,
)
from perdure.client.schedule_inputs import (
    BackfillScheduleInput,
    CreateScheduleInput,
    DeleteScheduleInput,
    DescribeScheduleInput,
    ListSchedulesInput,
    PauseScheduleInput,
    TriggerScheduleInput,
    UnpauseScheduleInput,
    UpdateScheduleInput,
)
from perdure.client.standalone_inputs import (
    CancelActivityInput,
    CountActivitiesInput,
    DescribeActivityInput,
    ListActivitiesInput,
    StartActivityInput,
    TerminateActivityInput,
)

if TYPE_CHECKING:
    from perdure.client.execution import (
        WorkflowExecutionDescription,
    )
    from perdure.client.handle import WorkflowHandle
    from perdure.client.history import WorkflowHistoryEventAsyncIterator
    from perdure.client.lists import WorkflowExecutionAsyncIterator, WorkflowExecutionCount
    from perdure.client.schedule_description import ScheduleDescription
    from perdure.client.schedule_handle import ScheduleHandle
    from perdure.client.schedule_list import ScheduleAsyncIterator
    from perdure.client.standalone_description import ActivityExecutionDescription
    from perdure.client.standalone_handle import ActivityHandle
    from perdure.client.standalone_lists import ActivityExecutionAsyncIterator, ActivityExecutionCount
    from perdure.client.updates import WorkflowUpdateHandle


class Interceptor:
    """What `Client.connect(interceptors=...)` takes. One that is also a `perdure.worker.Interceptor` intercepts the
    workers of that client, too."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Called once a client: returns what is to stand before `next`, or `next` itself."""
        return next


class OutboundInterceptor:
    """Extend it, and override what is of interest; call `super()` (or `self.next`) to go on."""

    def __init__(self, next: OutboundInterceptor) -> None:
        self.next = next

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        """For each `Client.start_workflow` and `Client.execute_workflow`."""
        return await self.next.start_workflow(input)

    async def cancel_workflow(self, input: CancelWorkflowInput) -> None:
        """For each `WorkflowHandle.cancel`."""
        await self.next.cancel_workflow(input)

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:
        """For each `WorkflowHandle.describe`."""
        return await self.next.describe_workflow(input)

    def fetch_workflow_history_events(
        self, input: FetchWorkflowHistoryEventsInput
    ) -> WorkflowHistoryEventAsyncIterator:
        """For each `WorkflowHandle.fetch_history_events` and `fetch_history`."""
        return self.next.fetch_workflow_history_events(input)

    def list_workflows(self, input: ListWorkflowsInput) -> WorkflowExecutionAsyncIterator:
        """For each `Client.list_workflows`."""
        return self.next.list_workflows(input)

    async def count_workflows(self, input: CountWorkflowsInput) -> WorkflowExecutionCount:
        """For each `Client.count_workflows`."""
        return await self.next.count_workflows(input)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        """For each `WorkflowHandle.query`."""
        return await self.next.query_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        """For each `WorkflowHandle.signal`."""
        await self.next.signal_workflow(input)

    async def terminate_workflow(self, input: TerminateWorkflowInput) -> None:
        """For each `WorkflowHandle.terminate`."""
        await self.next.terminate_workflow(input)

    async def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
        """For each `Client.start_activity` and `Client.execute_activity`."""
        return await self.next.start_activity(input)

    def list_activities(self, input: ListActivitiesInput) -> ActivityExecutionAsyncIterator:
        """For each `Client.list_activities`."""
        return self.next.list_activities(input)

    async def count_activities(self, input: CountActivitiesInput) -> ActivityExecutionCount:
        """For each `Client.count_activities`."""
        return await self.next.count_activities(input)

    async def cancel_activity(self, input: CancelActivityInput) -> None:
        """For each `ActivityHandle.cancel`."""
        await self.next.cancel_activity(input)

    async def terminate_activity(self, input: TerminateActivityInput) -> None:
        """For each `ActivityHandle.terminate`."""
        await self.next.terminate_activity(input)

    async def describe_activity(self, input: DescribeActivityInput) -> ActivityExecutionDescription:
        """For each `ActivityHandle.describe`."""
        return await self.next.describe_activity(input)

    async def heartbeat_async_activity(self, input: HeartbeatAsyncActivityInput) -> None:
        """For each `AsyncActivityHandle.heartbeat`."""
        await self.next.heartbeat_async_activity(input)

    async def complete_async_activity(self, input: CompleteAsyncActivityInput) -> None:
        """For each `AsyncActivityHandle.complete`."""
        await self.next.complete_async_activity(input)

    async def fail_async_activity(self, input: FailAsyncActivityInput) -> None:
        """For each `AsyncActivityHandle.fail`."""
        await self.next.fail_async_activity(input)

    async def report_cancellation_async_activity(self, input: ReportCancellationAsyncActivityInput) -> None:
        """For each `AsyncActivityHandle.report_cancellation`."""
        await self.next.report_cancellation_async_activity(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        """For each `WorkflowHandle.start_update` and `WorkflowHandle.execute_update`."""
        return await self.next.start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        """For each `Client.start_update_with_start_workflow` and `Client.execute_update_with_start_workflow`."""
        return await self.next.start_update_with_start_workflow(input)

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        """For each `Client.create_schedule`."""
        return await self.next.create_schedule(input)

    def list_schedules(self, input: ListSchedulesInput) -> ScheduleAsyncIterator:
        """For each `Client.list_schedules`."""
        return self.next.list_schedules(input)

    async def backfill_schedule(self, input: BackfillScheduleInput) -> None:
        """For each `ScheduleHandle.backfill`."""
        await self.next.backfill_schedule(input)

    async def delete_schedule(self, input: DeleteScheduleInput) -> None:
        """For each `ScheduleHandle.delete`."""
        await self.next.delete_schedule(input)

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:
        """For each `ScheduleHandle.describe`."""
        return await self.next.describe_schedule(input)

    async def pause_schedule(self, input: PauseScheduleInput) -> None:
        """For each `ScheduleHandle.pause`."""
        await self.next.pause_schedule(input)

    async def trigger_schedule(self, input: TriggerScheduleInput) -> None:
        """For each `ScheduleHandle.trigger`."""
        await self.next.trigger_schedule(input)

    async def unpause_schedule(self, input: UnpauseScheduleInput) -> None:
        """For each `ScheduleHandle.unpause`."""
        await self.next.unpause_schedule(input)

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        """For each `ScheduleHandle.update`."""
        await self.next.update_schedule(input)
