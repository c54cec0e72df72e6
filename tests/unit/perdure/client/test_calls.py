"""The end of the chain: an input becomes a request, whoever made the input."""

from __future__ import annotations

from typing import Any

from perdure.client import QueryWorkflowInput, SignalWorkflowInput
from perdure.client.calls import ClientCalls
from perdure.client.connection import Connection
from perdure.common import Payload, QueryRejectCondition
from perdure.protocol.payload import unpack_payload_map
from perdure.protocol.replies import QueryAnswer, ReplyKind
from perdure.protocol.requests import QueryWorkflow, SignalWorkflow
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Rows

HEADERS = {"user": Payload({"encoding": b"json/plain"}, b'"ada"')}


def answer(number: int, request: Any) -> Rows:
    body = QueryAnswer(CONVERTER.to_bytes([5])) if isinstance(request, QueryWorkflow) else None
    yield number, ReplyKind.OK, body


async def test_headers_travel_with_signals_and_queries() -> None:
    async with client_of(answer) as (client, engine):
        calls = ClientCalls(Connection(client.transport, "default", CONVERTER), QueryRejectCondition.NOT_OPEN)
        await calls.signal_workflow(SignalWorkflowInput("w", None, "wave", [3], HEADERS, None))
        assert await calls.query_workflow(QueryWorkflowInput("w", "r", "mood", [], None, HEADERS, int, None)) == 5
        signal, query = engine.requests()
        assert isinstance(signal, SignalWorkflow)
        assert isinstance(query, QueryWorkflow)
        assert unpack_payload_map(signal.headers) == unpack_payload_map(query.headers) == HEADERS
        assert query.reject_condition == QueryRejectCondition.NOT_OPEN
