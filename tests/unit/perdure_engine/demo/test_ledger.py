"""The fake model counts durably, and answers the same prompt alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure_engine.demo import ledger
from perdure_engine.demo.ledger import ENVIRONMENT, Ledger, complete


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(ledger, "LATENCY_S", 0)
    found = Ledger(tmp_path / "calls")
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    return found


def test_nothing_is_counted_before_the_first_call(counted: Ledger) -> None:
    assert counted.keys() == []
    assert counted.environment == {ENVIRONMENT: str(counted.path)}


async def test_each_call_is_one_line_repeated_ones_too(counted: Ledger) -> None:
    for key in ("a", "b", "a"):
        await complete("prompt", idempotency_key=key)
    assert counted.keys() == ["a", "b", "a"]


async def test_the_prompt_alone_decides_the_answer(counted: Ledger) -> None:
    answers = {await complete(prompt, idempotency_key=key) for prompt in ("p", "p") for key in ("a", "b")}
    assert len(answers) == 1
    assert len({await complete(f"prompt {n}", idempotency_key="x") for n in range(50)}) > 1
