"""Fixtures for tests on virtual time: a folder's `conftest.py` imports what it wants to have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from tests.engine_stage import Stage
from tests.simulation.virtual_loop import VirtualLoop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], VirtualLoop]]:
    """Every asynchronous test of the folder runs on virtual time."""
    return {"virtual": VirtualLoop}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """One shard, one engine: a test that needs more makes its own. Nothing may have died by itself in the end."""
    stage = await Stage().open()
    yield stage
    await stage.close()
    assert not stage.failures
