"""From what a user hands to an outbox to the row that is kept: through the interceptors, the converter and the codec.

Role: the end of the chain of interceptors, in the place of `ClientCalls`: it makes the request, and nothing is sent.

Rule: who has neither interceptors nor a codec gets the row without an event loop.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from perdure.client.inputs import StartWorkflowInput
from perdure.client.interceptor import Interceptor, OutboundInterceptor
from perdure.client.standalone_inputs import StartActivityInput
from perdure.client.standalone_start import start_request as activity_request
from perdure.client.start import start_request as workflow_request, start_with_signal
from perdure.converter import DataConverter
from perdure.outbox.record import Start, encode_record
from perdure.protocol.activity_executions import StartActivity
from perdure.protocol.requests import StartWorkflowWith
from perdure.transport.transport import default_identity

T = TypeVar("T")


@dataclass(frozen=True)
class OutboxStart:
    """What happens if, and only if, the transaction commits.

    Attributes:
        kind: "workflow" or "activity".
        namespace: Where.
        id: The workflow id or activity id: `client.get_workflow_handle(id)` finds it once it has begun.
        type: The type of the workflow or the activity.
        task_queue: Where its workers poll.
        request_id: Makes it happen once, however often it is sent. Empty: its id was made for it, and does the same.
    """

    kind: str
    namespace: str
    id: str
    type: str
    task_queue: str
    request_id: str
    _request: Start = field(repr=False)


class Author:
    """What requests are made with, in the place of a client's connection."""

    def __init__(self, namespace: str, converter: DataConverter, identity: str | None) -> None:
        self.namespace = namespace
        self.converter = converter
        self._identity = identity or default_identity()

    def author(self) -> tuple[str, str]:
        """A request id that no other request has, and who asks."""
        return f"outbox-{uuid.uuid4()}", self._identity


class Preparation:
    """See the module's docstring."""

    def __init__(self, author: Author, interceptors: Sequence[Interceptor], *, code_headers: bool) -> None:
        self._coding = author.converter.coding(with_headers=code_headers)
        self._end = _End(author)
        calls: OutboundInterceptor = self._end
        for interceptor in reversed(interceptors):
            if not isinstance(interceptor, Interceptor):
                raise TypeError(
                    f"{interceptor!r} is no client interceptor: make its class a perdure.client.Interceptor"
                )
            calls = interceptor.intercept_client(calls)
        self._calls = calls
        self._is_plain = calls is self._end and self._coding is None

    def row_now(self, input: StartWorkflowInput | StartActivityInput) -> tuple[OutboxStart, dict[str, Any]]:
        """As `row`, for a caller that is not asynchronous."""
        if self._is_plain:
            start = self._end.start_of(input)
            return start, _row(start, start._request, False)
        return _run(self.row(input))

    async def row(self, input: StartWorkflowInput | StartActivityInput) -> tuple[OutboxStart, dict[str, Any]]:
        """The start, and the values of its row.

        Raises:
            ValueError: an id, a timeout or a policy is not as it must be.
            PayloadSizeError: the arguments are too large.
            TypeError: an argument cannot be converted.
        """
        calls: Any = self._calls
        if isinstance(input, StartWorkflowInput):
            start = await calls.start_workflow(input)
        else:
            start = await calls.start_activity(input)
        if not isinstance(start, OutboxStart):
            raise TypeError(f"an interceptor of the outbox returned {start!r} in place of what the next one returned")
        if self._coding is None:
            return start, _row(start, start._request, False)
        return start, _row(start, await self._coding.encode(start._request), True)


class _End(OutboundInterceptor):
    """Returns an `OutboxStart` where a client's interceptors expect a handle: there is nothing yet to have one of."""

    def __init__(self, author: Author) -> None:
        self._author = author

    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        return self.start_of(input)

    async def start_activity(self, input: StartActivityInput) -> Any:
        return self.start_of(input)

    def start_of(self, input: StartWorkflowInput | StartActivityInput) -> OutboxStart:
        author = self._author
        request: Start
        if isinstance(input, StartActivityInput):
            request = activity_request(author, input, wait_result=False)
        elif input.start_signal is not None:
            request = start_with_signal(author, input, input.start_signal)
        else:
            request = workflow_request(author, input, wait_result=False)
        if isinstance(request, StartActivity):
            what = "activity", request.namespace, request.activity_id, request.activity_type
            return OutboxStart(*what, request.task_queue, request.request_id, request)
        start = request.start if isinstance(request, StartWorkflowWith) else request
        what = "workflow", start.namespace, start.workflow_id, start.workflow_type
        return OutboxStart(*what, start.task_queue, start.request_id, request)


def _row(start: OutboxStart, request: Start, is_coded: bool) -> dict[str, Any]:
    return {
        "kind": start.kind,
        "namespace": start.namespace,
        "execution_id": start.id,
        "type": start.type,
        "task_queue": start.task_queue,
        "request_id": start.request_id,
        "request": encode_record(request, is_coded),
    }


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine where nobody can await: on a loop of its own, and where there is one already, in a thread;
    that loop waits then, as it does for the caller's connection."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()
