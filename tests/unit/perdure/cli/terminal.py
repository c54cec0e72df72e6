"""Commands run as users run them, with a fake engine in memory in place of the cluster."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perdure.cli.main import perdure
from perdure.client import Client
from perdure.converter import DataConverter
from tests.fake_engine import Answer, FakeEngine, client_of


class Terminal:
    """Runs commands; `engine` holds what the last one asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.engine: FakeEngine | None = None
        for name in (
            "PERDURE_ADDRESS",
            "PERDURE_NAMESPACE",
            "PERDURE_POSTGRES_DSN",
            "PERDURE_REDIS_URL",
            "PERDURE_OUTBOX_DSN",
        ):
            monkeypatch.delenv(name, raising=False)

    def answer(self, answer: Answer) -> None:
        """Have a fake engine answer the commands from now on."""

        @contextlib.asynccontextmanager
        async def session() -> AsyncIterator[Client]:
            async with client_of(answer) as (client, engine):
                self.engine = engine
                yield client

        async def connect(target_host: str, *, namespace: str, data_converter: DataConverter) -> Any:
            return session()

        self._monkeypatch.setattr(Client, "connect", connect)

    def run(self, *arguments: str, input: str | None = None) -> Result:
        """A command, its output and its exit status."""
        return CliRunner().invoke(perdure, list(arguments), input=input, prog_name="perdure")

    def requests(self, kind: type[Any] = object) -> list[Any]:
        """What the last command asked the engine."""
        assert self.engine is not None
        return self.engine.requests(kind)

    def json(self, *arguments: str) -> Any:
        """The JSON that a command prints; it must succeed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
