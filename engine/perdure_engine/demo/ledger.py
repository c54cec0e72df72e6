"""The model of the demo: a local fake that counts its calls in a file, so that no crash can make it forget one.

It bills as a provider does: an idempotency key once, however often a retry sends it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

ENVIRONMENT = "PERDURE_DEMO_LEDGER"
LATENCY_S = 0.3
"""As a quick model answers; long enough for a kill to find calls under way."""

VERDICTS = ("yes", "no", "only in writing", "ask again tomorrow")


class Ledger:
    """One line a call: the idempotency key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def environment(self) -> dict[str, str]:
        """What tells worker processes where to count."""
        return {ENVIRONMENT: str(self.path)}

    def keys(self) -> list[str]:
        """Every call so far, in order, repeated ones too."""
        return self.path.read_text().splitlines() if self.path.exists() else []


async def complete(prompt: str, *, idempotency_key: str) -> str:
    """Answer a prompt; the answer depends on the prompt alone. Counted before it is answered."""
    _count(Path(os.environ[ENVIRONMENT]), idempotency_key)
    await asyncio.sleep(LATENCY_S)
    return VERDICTS[hashlib.sha256(prompt.encode()).digest()[0] % len(VERDICTS)]


def _count(path: Path, key: str) -> None:
    with path.open("ab", buffering=0) as ledger:  # one write in append mode: lines of several workers do not mix
        ledger.write(key.encode() + b"\n")
