"""From what a user hands to `start_workflow` to the request that goes to the shard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perdure.client.connection import Requester, check_text
from perdure.client.inputs import StartWorkflowInput, UpdateWithStartStartWorkflowInput
from perdure.common import WorkflowIDConflictPolicy, milliseconds
from perdure.protocol.cron import parse_cron
from perdure.protocol.memo import memo_problem, pack_memo
from perdure.protocol.payload import Payload, pack_payload_map
from perdure.protocol.requests import IdConflictPolicy, SignalWorkflow, StartWorkflow, StartWorkflowWith
from perdure.search_attributes import search_attributes_to_bytes

TASK_TIMEOUT_MS = 10_000
"""How long a worker may take for one workflow task, unless the start says otherwise (Temporal's default)."""


def start_request(
    connection: Requester, input: StartWorkflowInput | UpdateWithStartStartWorkflowInput, *, wait_result: bool
) -> StartWorkflow:
    """The request that starts a workflow.

    Raises:
        ValueError: an id, a timeout or a policy is not as it must be.
        PayloadSizeError: the arguments are too large.
        TypeError: an argument cannot be converted.
    """
    check_text("the workflow id", input.id)
    check_text("the workflow type", input.workflow)
    check_text("the task queue", input.task_queue)
    if input.cron_schedule:
        parse_cron(input.cron_schedule)
        if input.start_delay is not None:
            raise ValueError("a workflow with a cron_schedule begins when that says: leave start_delay out")
    policy = input.retry_policy
    return StartWorkflow(
        connection.namespace,
        input.id,
        input.workflow,
        input.task_queue,
        connection.converter.to_kept_bytes(input.args, "the arguments of workflow", input.workflow),
        *connection.author(),
        wait_result,
        int(input.id_reuse_policy),
        int(input.id_conflict_policy) or int(IdConflictPolicy.FAIL),
        milliseconds("execution_timeout", input.execution_timeout),
        milliseconds("run_timeout", input.run_timeout),
        milliseconds("task_timeout", input.task_timeout) or TASK_TIMEOUT_MS,
        None if policy is None else policy.to_data(),
        b"" if not input.memo else memo_bytes(connection, input.memo),
        search_attributes_to_bytes(input.search_attributes),
        headers=pack_payload_map(input.headers),
        start_delay_ms=milliseconds("start_delay", input.start_delay),
        cron_schedule=input.cron_schedule,
        summary=input.static_summary or "",
        static_details=input.static_details or "",
        priority=input.priority.priority_key or 3,
        versioning_override=None if input.versioning_override is None else input.versioning_override.to_stamp(),
        fairness=input.priority.to_fairness(None),
    )


def start_with_signal(connection: Requester, input: StartWorkflowInput, signal: str) -> StartWorkflowWith:
    """The request that starts a workflow with a signal, or sends that to the run that is open.

    Raises: as `start_request`.
    """
    check_text("the signal name", signal)
    if input.id_conflict_policy == WorkflowIDConflictPolicy.FAIL:
        raise ValueError("a start with a signal does not fail on a conflict: the open run gets it; leave FAIL out")
    start = start_request(connection, input, wait_result=False)
    if input.id_conflict_policy == WorkflowIDConflictPolicy.UNSPECIFIED:
        start = start._replace(id_conflict_policy=int(IdConflictPolicy.USE_EXISTING))
    arguments = connection.converter.to_kept_bytes(input.start_signal_args, "the arguments of signal", signal)
    request = SignalWorkflow(
        connection.namespace, input.id, "", signal, arguments, start.request_id, start.identity, start.headers
    )
    return StartWorkflowWith(connection.namespace, input.id, start, request)


def memo_bytes(connection: Requester, memo: Mapping[str, Any]) -> bytes:
    """A memo as it travels; its values may be payloads already.

    Raises:
        ValueError: a name is not as it must be, or the memo is too large.
        TypeError: a value cannot be converted.
    """
    convert = connection.converter.payload_converter.to_payload
    for name in memo:
        check_text("a memo's name", name)
    data = pack_memo({name: value if isinstance(value, Payload) else convert(value) for name, value in memo.items()})
    problem = memo_problem(data)
    if problem is not None:
        raise ValueError(problem)
    return data
