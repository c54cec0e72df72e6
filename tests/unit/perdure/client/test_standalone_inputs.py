"""Inputs of interceptors are made with what the call was given."""

from __future__ import annotations

from typing import Any

from perdure.client import (
    CancelActivityInput,
    Client,
    DescribeActivityInput,
    Interceptor,
    OutboundInterceptor,
    StartActivityInput,
    TerminateActivityInput,
)
from tests.unit.perdure.client.mails import MINUTE, QUEUE, post_office, send, wait


class Watching(OutboundInterceptor, Interceptor):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        self.next = next
        return self

    async def start_activity(self, input: StartActivityInput) -> Any:
        self.seen.append(input)
        return await super().start_activity(input)

    async def cancel_activity(self, input: CancelActivityInput) -> None:
        self.seen.append(input)
        await super().cancel_activity(input)

    async def terminate_activity(self, input: TerminateActivityInput) -> None:
        self.seen.append(input)
        await super().terminate_activity(input)

    async def describe_activity(self, input: DescribeActivityInput) -> Any:
        self.seen.append(input)
        return await super().describe_activity(input)


async def test_every_call_passes_its_interceptor() -> None:
    watching = Watching()
    async with post_office() as plain:
        client = Client(plain.service_client, interceptors=[watching])
        assert await client.execute_activity(
            send, "ada", id="a", task_queue=QUEUE, start_to_close_timeout=MINUTE
        ) == ["ada"]  # fmt: skip
        handle = await client.start_activity(wait, id="w", task_queue=QUEUE, start_to_close_timeout=MINUTE)
        await handle.describe()
        await handle.cancel(reason="why")
        await handle.terminate()
    first, second, described, cancelled, terminated = watching.seen
    assert (first.activity_type, first.args, first.id) == ("send", ("ada",), "a")
    assert (second.activity_type, second.result_type) == ("wait", str)
    assert (described.activity_id, described.activity_run_id) == ("w", handle.run_id)
    assert cancelled.reason == "why"
    assert terminated.activity_id == "w"
