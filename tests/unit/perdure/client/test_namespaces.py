"""Namespaces: how long closed runs are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.client import Namespace, RPCError
from perdure.client.execution import time_of
from perdure.protocol import operations
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse


def registry(number: int, request: Any) -> Rows:
    body: Any = None
    if isinstance(request, operations.ListNamespaces):
        rows = (operations.NamespaceInfo("default", 259_200_000), operations.NamespaceInfo("short", 60_000))
        body = operations.NamespaceList(rows)
    elif isinstance(request, operations.PutNamespace | operations.DescribeNamespace):
        body = operations.NamespaceInfo(request.namespace, 60_000, 1_000_000, "words")
    yield number, ReplyKind.OK, body


async def test_what_each_says() -> None:
    async with client_of(registry) as (client, _):
        assert await client.namespaces.retentions() == {"default": timedelta(days=3), "short": timedelta(minutes=1)}


async def test_a_retention_is_set() -> None:
    async with client_of(registry) as (client, engine):
        await client.namespaces.set_retention("short", timedelta(hours=1))
        assert engine.requests() == [operations.SetRetention("short", 3_600_000)]
        with pytest.raises(ValueError, match="the namespace must not be empty"):
            await client.namespaces.set_retention("", timedelta(hours=1))


async def test_a_refusal_is_told() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.INVALID_ARGUMENT, "too short")) as (client, _):
        with pytest.raises(RPCError, match="too short"):
            await client.namespaces.set_retention("short", timedelta(seconds=1))


async def test_a_namespace_is_registered_changed_described_and_forgotten() -> None:
    async with client_of(registry) as (client, engine):
        created = await client.namespaces.create("short", retention=timedelta(minutes=1), description="words")
        assert created == Namespace("short", timedelta(minutes=1), "words", time_of(1_000_000))
        await client.namespaces.update("short", description="")
        assert await client.namespaces.describe("short") == created
        await client.namespaces.delete("short")
        assert engine.requests() == [
            operations.PutNamespace("short", 60_000, "words", True),
            operations.PutNamespace("short", 0, "", False),
            operations.DescribeNamespace("short"),
            operations.DeleteNamespace("short"),
        ]
