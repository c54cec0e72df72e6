"""What interceptors are given is what the caller said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure.client import (
    Client,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    QueryWorkflowInput,
    StartWorkflowInput,
    TerminateWorkflowInput,
    WorkflowHistoryEventFilterType,
)
from perdure.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Greet

SECOND = timedelta(seconds=1)


class Catching(Interceptor, OutboundInterceptor):
    """Keeps what would be asked, and asks nothing."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return self

    async def _keep(self, input: Any) -> Any:
        self.seen.append(input)

    start_workflow = query_workflow = terminate_workflow = _keep

    def _keep_now(self, input: Any) -> Any:
        self.seen.append(input)

    list_workflows = fetch_workflow_history_events = _keep_now


async def test_inputs_say_what_the_caller_said() -> None:
    catching = Catching()
    async with client_of(lambda number, request: ()) as (plain, _):
        client = Client(plain.transport, interceptors=[catching])
        await client.start_workflow(Greet.run, "ada", id="w", task_queue="q", memo={"a": 1}, run_timeout=SECOND)
        handle = client.get_workflow_handle("w", run_id="r", first_execution_run_id="f")
        await handle.query(Greet.mood, reject_condition=QueryRejectCondition.NOT_OPEN, rpc_timeout=SECOND)
        await handle.terminate("why", reason="stop")
        handle.fetch_history_events(next_page_token=b"t", include_annotations=True)
        client.list_workflows("WorkflowType = 'T'", limit=3)
    assert catching.seen == [
        StartWorkflowInput(
            workflow="Greeting",
            args=("ada",),
            id="w",
            task_queue="q",
            execution_timeout=None,
            run_timeout=SECOND,
            task_timeout=None,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.UNSPECIFIED,
            retry_policy=None,
            cron_schedule="",
            memo={"a": 1},
            search_attributes=None,
            start_delay=None,
            headers={},
            ret_type=list[int],
            rpc_timeout=None,
        ),
        QueryWorkflowInput("w", "r", "mood", (), QueryRejectCondition.NOT_OPEN, {}, tuple[int, int], SECOND),
        TerminateWorkflowInput("w", "r", "f", ("why",), "stop", None),
        FetchWorkflowHistoryEventsInput("w", "r", b"t", WorkflowHistoryEventFilterType.ALL_EVENT, None, True),
        ListWorkflowsInput("WorkflowType = 'T'", 1000, None, None, 3),
    ]
