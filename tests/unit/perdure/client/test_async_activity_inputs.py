"""Completions from outside pass the interceptors of their client, which may change them."""

from __future__ import annotations

from typing import Any

from perdure.client import (
    AsyncActivityIDReference,
    Client,
    CompleteAsyncActivityInput,
    FailAsyncActivityInput,
    HeartbeatAsyncActivityInput,
    Interceptor,
    OutboundInterceptor,
    ReportCancellationAsyncActivityInput,
)
from perdure.protocol.replies import ActivityDirective, ReplyKind
from perdure.protocol.requests import ActivityReport, ReportActivity
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows


def answer(number: int, request: Any) -> Rows:
    is_heartbeat = request.report == ActivityReport.HEARTBEAT
    yield number, ReplyKind.OK, ActivityDirective(True, False) if is_heartbeat else None


class Watching(OutboundInterceptor, Interceptor):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        self.next = next
        return self

    async def heartbeat_async_activity(self, input: HeartbeatAsyncActivityInput) -> None:
        self.seen.append(input)
        await super().heartbeat_async_activity(input)

    async def complete_async_activity(self, input: CompleteAsyncActivityInput) -> None:
        self.seen.append(input)
        input.result = f"{input.result}, checked"
        await super().complete_async_activity(input)

    async def fail_async_activity(self, input: FailAsyncActivityInput) -> None:
        self.seen.append(input)
        await super().fail_async_activity(input)

    async def report_cancellation_async_activity(self, input: ReportCancellationAsyncActivityInput) -> None:
        self.seen.append(input)
        await super().report_cancellation_async_activity(input)


async def test_every_completion_passes() -> None:
    watching = Watching()
    error = ValueError("no")
    async with client_of(answer) as (plain, engine):
        client = Client(plain.service_client, interceptors=[watching])
        handle = client.get_async_activity_handle(workflow_id="w", run_id="r", activity_id="7")
        await handle.heartbeat("half", rpc_metadata={"who": "me"})
        await handle.complete("done")
        await handle.fail(error, last_heartbeat_details=[1])
        await handle.report_cancellation("why")
        results = [request.data for request in engine.requests(ReportActivity)]
    beat, done, failed, cancelled = watching.seen
    assert {item.id_or_token for item in watching.seen} == {AsyncActivityIDReference("w", "r", "7")}
    assert (beat.details, beat.rpc_metadata) == (("half",), {"who": "me"})
    assert CONVERTER.value_from_bytes(results[1], str) == done.result == "done, checked"
    assert (failed.error, failed.last_heartbeat_details) == (error, [1])
    assert cancelled.details == ("why",)
