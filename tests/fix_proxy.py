"""Proxies for tests: one in front of any database (see `proxy`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.proxy import PostgresProxy, proxy_to_postgres

MakePostgresProxy = Callable[[str], Awaitable[PostgresProxy]]


@pytest.fixture
async def make_postgres_proxy() -> AsyncIterator[MakePostgresProxy]:
    """Put a proxy before the database of an address."""
    async with AsyncExitStack() as stack:

        async def make(dsn: str) -> PostgresProxy:
            return await stack.enter_async_context(proxy_to_postgres(dsn))

        yield make


@pytest.fixture
async def postgres_proxy(make_postgres_proxy: MakePostgresProxy, database_dsn: str) -> PostgresProxy:
    """A proxy before a fresh, migrated database."""
    return await make_postgres_proxy(database_dsn)
