"""The client that all workflow engines are measured by, with an engine that is a function."""

from __future__ import annotations

import asyncio

import pytest

from bench.peers.workflow_client import WrongResult, run


class Engine:
    def __init__(self, *, is_wrong: bool = False) -> None:
        self.open = self.most_open = self.executed = 0
        self.is_wrong = is_wrong

    async def __aenter__(self) -> Engine:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def execute(self, workflow: str, argument: int) -> int:
        self.executed += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(0)
        self.open -= 1
        return 0 if self.is_wrong else argument


async def test_so_many_at_once_and_no_more() -> None:
    engine = Engine()
    measured = await run(engine, "one", 100, 7, 1)
    assert (engine.executed, engine.most_open) == (100, 7)
    assert measured.workflows_per_s == pytest.approx(100 / measured.total_s)


async def test_a_wrong_result_fails_the_run() -> None:
    with pytest.raises(WrongResult, match="the workflow fan returned 0; it must return 10"):
        await run(Engine(is_wrong=True), "fan", 1, 1, 10)
