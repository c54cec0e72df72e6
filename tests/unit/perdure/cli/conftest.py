"""A terminal for each test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.unit.perdure.cli.terminal import Terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield Terminal(monkeypatch)
    root.setLevel(level)  # commands set up logging for their process
    root.handlers[:] = handlers
