"""The client that all task queues in Python are measured by, with a queue that is a list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench.peers.task_client import WrongResult, many_at_once, one_at_a_time
from bench.tally import ENVIRONMENT, RECORD, Tally, TallyError


class ListDriver:
    """Executes at once; what was executed returns its number, `wrong` excepted."""

    enqueuers = 3

    def __init__(self, tally: Tally, wrong: int = -1, twice: int = -1) -> None:
        self.tally, self.wrong, self.twice, self.at = tally, wrong, twice, 0

    async def __aenter__(self) -> ListDriver:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def enqueue(self, number: int) -> Any:
        with self.tally.path.open("ab") as file:
            for _ in range(2 if number == self.twice else 1):
                file.write(RECORD.pack(number, self.at + 10**18))
                self.at += 1
        return number

    async def result(self, handle: Any) -> int:
        return -handle if handle == self.wrong else int(handle)

    async def enqueue_many(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            await self.enqueue(number)


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tally:
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "tally"))
    tally = Tally.of_environment()
    tally.begin()
    return tally


async def test_all_are_executed_and_all_results_compared(tally: Tally) -> None:
    assert (await many_at_once(ListDriver(tally), 50, 10, tally)).workflows_per_s > 0
    tally.begin()
    assert (await one_at_a_time(ListDriver(tally), 5, tally)).p50_ms >= 0


async def test_a_wrong_result_fails_the_run(tally: Tally) -> None:
    with pytest.raises(WrongResult, match="the result of task 7 is -7; it must be 7"):
        await many_at_once(ListDriver(tally, wrong=7), 10, 10, tally)
    tally.begin()
    with pytest.raises(WrongResult, match="the result of task 2 is -2"):
        await one_at_a_time(ListDriver(tally, wrong=2), 5, tally)


async def test_an_execution_too_many_fails_the_run(tally: Tally) -> None:
    with pytest.raises(TallyError, match="executed more than once: 3"):
        await many_at_once(ListDriver(tally, twice=3), 10, 10, tally)
