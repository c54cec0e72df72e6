"""A start on its way to its row: interceptors, converter, codec."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from perdure.client import Interceptor, OutboundInterceptor, StartWorkflowInput
from perdure.common import Payload
from perdure.converter import DataConverter, PayloadCodec
from perdure.outbox import Outbox
from perdure.outbox.preparing import Author
from perdure.protocol.requests import StartWorkflow, StartWorkflowWith
from tests.unit.perdure.client.greeting import CONVERTER, Greet
from tests.unit.perdure.outbox.connections import KeepingAsyncConnection, KeepingConnection

OPTIONS: Any = {"id": "g", "task_queue": "q"}


class Reversing(PayloadCodec):
    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        await asyncio.sleep(0)
        return [Payload(payload.metadata, payload.data[::-1]) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self.encode(payloads)


class Renaming(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Renaming(next)


class _Renaming(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        input.id = f"{input.id}-renamed"
        return await super().start_workflow(input)


class Swallowing(Interceptor):
    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Swallowing(next)


class _Swallowing(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:
        return None


def test_each_start_has_a_request_id_of_its_own() -> None:
    author = Author("default", CONVERTER, "me")
    ids = {author.author()[0] for _ in range(100)}
    assert len(ids) == 100
    assert author.author()[1] == "me"


def test_interceptors_change_what_is_kept() -> None:
    connection = KeepingConnection()
    started = Outbox(interceptors=[Renaming()]).start_workflow(connection, Greet.run, "ada", **OPTIONS)
    assert started.id == "g-renamed"
    assert connection.given[0][1]["execution_id"] == "g-renamed"
    assert connection.record.request.workflow_id == "g-renamed"  # type: ignore[union-attr]


def test_interceptors_that_are_none_or_return_nothing() -> None:
    with pytest.raises(TypeError, match="no client interceptor"):
        Outbox(interceptors=["me"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="returned None"):
        Outbox(interceptors=[Swallowing()]).start_workflow(KeepingConnection(), Greet.run, "ada", **OPTIONS)


async def test_a_codec_encodes_before_the_row_is_written() -> None:
    """Also where nobody can await, and a loop runs."""
    outbox = Outbox(data_converter=DataConverter(payload_codec=Reversing()))
    asynchronous, synchronous, alone = KeepingAsyncConnection(), KeepingConnection(), KeepingConnection()
    await outbox.start_workflow(asynchronous, Greet.run, "ada", **OPTIONS)
    outbox.start_workflow(synchronous, Greet.run, "ada", **OPTIONS)
    await asyncio.to_thread(outbox.start_workflow, alone, Greet.run, "ada", **OPTIONS)
    for connection in (asynchronous, synchronous, alone):
        request, is_coded = connection.record
        assert is_coded
        assert isinstance(request, StartWorkflow)
        assert b'"ada"'[::-1] in request.input


def test_a_start_with_a_signal() -> None:
    connection = KeepingConnection()
    started = Outbox().start_workflow(
        connection, Greet.run, "ada", start_signal="wave", start_signal_args=[2], **OPTIONS
    )
    request = connection.record.request
    assert isinstance(request, StartWorkflowWith)
    assert request.start.request_id == started.request_id
