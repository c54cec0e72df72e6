"""From what a user hands to `start_workflow` to the request that goes to the shard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from perdure.client.connection import Connection, check_text
from perdure.client.definitions import workflow_name_and_type
from perdure.common import RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy, milliseconds
from perdure.protocol.codec import pack
from perdure.protocol.payload import PAYLOAD_SIZE_MAX
from perdure.protocol.requests import IdConflictPolicy, StartWorkflow

TASK_TIMEOUT_MS = 10_000
"""How long a worker may take for one workflow task, unless the start says otherwise (Temporal's default)."""

MEMO_SIZE_MAX = PAYLOAD_SIZE_MAX


def start_request(
    connection: Connection,
    workflow: str | Callable[..., Awaitable[Any]],
    args: Sequence[Any],
    *,
    id: str,
    task_queue: str,
    execution_timeout: timedelta | None,
    run_timeout: timedelta | None,
    task_timeout: timedelta | None,
    id_reuse_policy: WorkflowIDReusePolicy,
    id_conflict_policy: WorkflowIDConflictPolicy,
    retry_policy: RetryPolicy | None,
    memo: Mapping[str, Any] | None,
    start_delay: timedelta | None,
    wait_result: bool,
) -> tuple[StartWorkflow, Any]:
    """The request, and the type of the workflow's result, if its definition says so.

    Raises:
        ValueError: an id, a timeout or a policy is not as it must be.
        PayloadSizeError: the arguments are too large.
        TypeError: an argument cannot be converted.
    """
    name, result_type = workflow_name_and_type(workflow)
    check_text("the workflow id", id)
    check_text("the workflow type", name)
    check_text("the task queue", task_queue)
    transport = connection.transport
    request = StartWorkflow(
        connection.namespace,
        id,
        name,
        task_queue,
        connection.converter.to_bytes(args),
        connection.new_request_id(),
        transport.identity,
        wait_result,
        int(id_reuse_policy),
        int(id_conflict_policy) or int(IdConflictPolicy.FAIL),
        milliseconds("execution_timeout", execution_timeout),
        milliseconds("run_timeout", run_timeout),
        milliseconds("task_timeout", task_timeout) or TASK_TIMEOUT_MS,
        None if retry_policy is None else retry_policy.to_data(),
        b"" if not memo else _memo_bytes(connection, memo),
        start_delay_ms=milliseconds("start_delay", start_delay),
    )
    return request, result_type


def _memo_bytes(connection: Connection, memo: Mapping[str, Any]) -> bytes:
    convert = connection.converter.payload_converter.to_payload
    for name in memo:
        check_text("a memo's name", name)
    data = pack({name: convert(value) for name, value in memo.items()})
    if len(data) > MEMO_SIZE_MAX:
        raise ValueError(f"the memo takes {len(data):,} bytes, the limit is {MEMO_SIZE_MAX:,}; keep it to short notes")
    return data
