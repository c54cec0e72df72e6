"""A language model, played by a local fake that costs nothing and counts its calls.

It behaves as a provider does where it matters here: it takes a while, its answer depends on the prompt alone, and it
bills an idempotency key once, however often a retry sends it. Each call is one line of a ledger file, written before
the answer is given, so that the count survives whatever happens to the worker."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LATENCY_SECONDS = 0.05

VERDICTS = ("Yes, with one reservation", "No, and here is why", "Only in writing", "It depends on the second clause")


@dataclass(frozen=True)
class Call:
    """One line of the ledger."""

    key: str
    prompt: str


def ledger_path() -> Path:
    """Where calls are counted: `MODEL_LEDGER`, or a file among the temporary ones."""
    return Path(os.environ.get("MODEL_LEDGER") or Path(tempfile.gettempdir()) / "model-calls.jsonl")


async def complete(prompt: str, *, idempotency_key: str) -> str:
    """Answer the prompt. Pass `activity.info().idempotency_key`: it is the same on each attempt of one activity."""
    line = json.dumps({"key": idempotency_key, "prompt": prompt}) + "\n"
    with ledger_path().open("ab", buffering=0) as ledger:  # one write in append mode: lines of many workers do not mix
        ledger.write(line.encode())
    await asyncio.sleep(LATENCY_SECONDS)
    choice = hashlib.sha256(prompt.encode()).digest()[0] % len(VERDICTS)
    return f"{VERDICTS[choice]}: {prompt.splitlines()[0]}"


def calls() -> list[Call]:
    """Every call so far, repeated ones too."""
    return list(_lines(ledger_path()))


def calls_billed() -> int:
    """How many calls a provider would bill: one an idempotency key."""
    return len({call.key for call in calls()})


def _lines(path: Path) -> Iterator[Call]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield Call(**json.loads(line))
