"""The memory of a process."""

from __future__ import annotations

import mmap

import pytest

from perdure.worker import resident_memory
from perdure.worker.resident_memory import resident_bytes


def test_it_grows_with_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resident_bytes()
    kept = mmap.mmap(-1, 50_000_000)  # of its own: what Python frees it may have kept, and give out again
    kept.write(b"x" * 50_000_000)
    assert resident_bytes() - before > 40_000_000
    assert len(kept) == 50_000_000
    monkeypatch.setattr(resident_memory, "_STATM", "/nowhere")
    assert resident_bytes() > 40_000_000
