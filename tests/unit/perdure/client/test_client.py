"""A client: its connection, what it was made of, and what it asks beside starts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure.client import (
    Client,
    DnsLoadBalancingConfig,
    GrpcCompression,
    RetryConfig,
    RPCError,
    RPCStatusCode,
)
from perdure.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from perdure.protocol.frontend import ClusterDescription, CountWorkflows, ExecutionCount
from perdure.protocol.replies import ExecutionStatus, Outcome, ReplyKind, Started
from perdure.protocol.requests import AwaitResult, StartWorkflow
from perdure.runtime import Runtime
from perdure.transport import Transport
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import CONVERTER, Greet, Rows

COMPLETED = Outcome("run-1", int(ExecutionStatus.COMPLETED), CONVERTER.to_bytes([[3]]))


def play(number: int, request: Any) -> Rows:
    match request:
        case StartWorkflow():
            yield number, ReplyKind.OK, Started("run-1", True)
            if request.wait_result:
                yield number, ReplyKind.OUTCOME, COMPLETED
        case AwaitResult():
            yield number, ReplyKind.OUTCOME, COMPLETED
        case CountWorkflows():
            yield number, ReplyKind.OK, ExecutionCount(7)
        case _:
            yield number, ReplyKind.OK, ClusterDescription("c0ffee", 1, 4, "0.1.0", ("node-1",))


async def test_counting_and_the_cluster_ask_the_frontend() -> None:
    async with client_of(play) as (client, engine):
        assert (await client.count_workflows("WorkflowType = 'T'")).count == 7
        assert engine.requests(CountWorkflows) == [CountWorkflows("default", query="WorkflowType = 'T'")]
        assert (await client.describe_cluster()).engines == ("node-1",)


async def test_handles_are_typed_by_their_workflow() -> None:
    async with client_of(play) as (client, _):
        assert await client.get_workflow_handle_for(Greet.run, "g").result() == [3]
        handle = client.get_workflow_handle("g", run_id="run-1", result_type=list[int])
        assert (handle.run_id, await handle.result()) == ("run-1", [3])


async def test_a_client_says_who_it_is_and_closes_with_its_block() -> None:
    async with client_of(play) as (client, _):
        assert (client.namespace, client.identity) == ("default", "tester")
        assert client.data_converter is CONVERTER
        async with client:
            pass
        with pytest.raises(RPCError, match="closed"):
            await client.count_workflows()


async def test_another_client_is_made_of_the_configuration_of_one() -> None:
    converter = DataConverter(failure_converter_class=DefaultFailureConverterWithEncodedAttributes)
    async with client_of(play) as (client, _):
        config = client.config()
        config["data_converter"] = converter
        other = Client(**config)
        assert other.data_converter is converter
        assert client.data_converter is not converter
        assert other.service_client is client.transport
        assert (other.namespace, other.interceptors) == (client.namespace, ())
        assert Client(client.service_client, namespace="shop").namespace == "shop"


async def test_what_gives_up_connecting_says_after_which_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("perdure.client.client.open_transport", never)
    with pytest.raises(RPCError, match=r"connect_timeout of 0:00:00\.01") as raised:
        await Client.connect("localhost", connect_timeout=timedelta(milliseconds=10))
    assert raised.value.status == RPCStatusCode.UNAVAILABLE


async def test_what_was_for_grpc_is_accepted_and_what_would_be_missed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client_of(play) as (client, _):

        async def opened(*_: Any, **__: Any) -> Transport:
            return client.transport

        monkeypatch.setattr("perdure.client.client.open_transport", opened)
        with pytest.warns(UserWarning, match="api_key has no effect with Perdure; write Redis's user and password"):
            await Client.connect(
                "localhost",
                api_key="k",
                lazy=True,
                retry_config=RetryConfig(max_retries=1),
                keep_alive_config=None,
                rpc_metadata={"a": "b"},
                runtime=Runtime.default(),
                dns_load_balancing_config=DnsLoadBalancingConfig.default,
                grpc_compression=GrpcCompression.NONE,
            )
