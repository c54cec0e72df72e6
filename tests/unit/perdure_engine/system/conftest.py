"""Virtual time, and a stage."""

from __future__ import annotations

from tests.fix_stage import pytest_asyncio_loop_factories, stage

__all__ = ["pytest_asyncio_loop_factories", "stage"]
