"""Every row of the transition tables is taken by some story: one that none takes is one that nobody thought through."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pytest

from perdure_engine.core import decide as deciding
from perdure_engine.core import fold, outcome
from tests.transcripts.story import Narrator, Step, read_story
from tests.transcripts.test_transcripts import STORIES

TABLES = [
    (fold, "ACTIVITY_TRANSITIONS"),
    (fold, "TIMER_TRANSITIONS"),
    (fold, "RULES"),
    (outcome, "OUTCOMES"),
    (deciding, "DECIDED"),
    (deciding, "TIMED"),
]


class _Watched(dict[Hashable, Any]):
    """A table that remembers which of its rows were asked for."""

    def __init__(self, rows: dict[Hashable, Any]) -> None:
        super().__init__(rows)
        self.taken: dict[Hashable, int] = {}

    def __getitem__(self, key: Hashable) -> Any:
        self.taken[key] = 1
        return super().__getitem__(key)

    def get(self, key: Hashable, default: Any = None) -> Any:
        self.taken[key] = 1
        return super().get(key, default)


def test_every_row_of_every_table_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = {}
    for module, name in TABLES:
        table = _Watched(getattr(module, name))
        monkeypatch.setattr(module, name, table)
        watched[name] = table
    for path in STORIES:
        narrator = Narrator()
        for step in read_story(path):
            if isinstance(step, Step):
                narrator.tell(step)
        narrator.end()
    missed = {name: [row for row in table if row not in table.taken] for name, table in watched.items()}
    assert not any(missed.values()), f"tell stories that take these rows, or strike the rows out: {missed}"
