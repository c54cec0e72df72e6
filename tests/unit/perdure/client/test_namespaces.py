"""Namespaces: how long closed runs are kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.client import RPCError
from perdure.protocol import frontend
from perdure.protocol.replies import ErrorCode, ReplyKind
from tests.fake_engine import client_of
from tests.unit.perdure.client.greeting import Rows, refuse


def registry(number: int, request: Any) -> Rows:
    rows = (frontend.NamespaceInfo("default", 259_200_000), frontend.NamespaceInfo("short", 60_000))
    yield number, ReplyKind.OK, frontend.NamespaceList(rows) if isinstance(request, frontend.ListNamespaces) else None


async def test_what_each_says() -> None:
    async with client_of(registry) as (client, _):
        assert await client.namespaces.retentions() == {"default": timedelta(days=3), "short": timedelta(minutes=1)}


async def test_a_retention_is_set() -> None:
    async with client_of(registry) as (client, engine):
        await client.namespaces.set_retention("short", timedelta(hours=1))
        assert engine.requests() == [frontend.SetRetention("short", 3_600_000)]
        with pytest.raises(ValueError, match="the namespace must not be empty"):
            await client.namespaces.set_retention("", timedelta(hours=1))


async def test_a_refusal_is_told() -> None:
    async with client_of(lambda number, _: refuse(number, ErrorCode.INVALID_ARGUMENT, "too short")) as (client, _):
        with pytest.raises(RPCError, match="too short"):
            await client.namespaces.set_retention("short", timedelta(seconds=1))
