"""The transition tables of the core, watched: which of their rows were taken, by stories or by simulated runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from enum import Enum
from types import ModuleType
from typing import Any

from perdure.protocol.events import EventType
from perdure_engine.core import activity_fold, child_fold, decide, external_fold, fold, outcome, update_events
from perdure_engine.core.standalone import decide as standalone
from perdure_engine.core.transition import TimerKind

TABLES: list[tuple[ModuleType, str]] = [
    (activity_fold, "ACTIVITY_TRANSITIONS"),
    (fold, "TIMER_TRANSITIONS"),
    (fold, "RULES"),
    (child_fold, "CHILD_TRANSITIONS"),
    (child_fold, "CHILD_BUFFERED"),
    (external_fold, "EXTERNAL_TRANSITIONS"),
    (update_events, "UPDATE_TRANSITIONS"),
    (outcome, "OUTCOMES"),
    (decide, "DECIDED"),
    (decide, "TIMED"),
]
"""Every transition table of the core that is about workflows."""

STANDALONE: list[tuple[ModuleType, str]] = [(standalone, "DECIDED"), (standalone, "TIMED")]
"""Those that are about activities without one."""

_NAMES: dict[str, Callable[[Any], Enum]] = {"RULES": EventType, "OUTCOMES": EventType, "TIMED": TimerKind}
"""Tables whose keys are numbers of an enumeration."""


class WatchedTable(dict[Hashable, Any]):
    """A table that counts how often each of its rows was asked for."""

    def __init__(self, rows: dict[Hashable, Any]) -> None:
        super().__init__(rows)
        self.taken: dict[Hashable, int] = dict.fromkeys(rows, 0)

    def __getitem__(self, key: Hashable) -> Any:
        row = super().__getitem__(key)
        self.taken[key] += 1
        return row

    def get(self, key: Hashable, default: Any = None) -> Any:
        if key in self:
            self.taken[key] += 1
        return super().get(key, default)


class Watch:
    """The tables while they are being watched."""

    def __init__(self) -> None:
        self.tables: dict[str, WatchedTable] = {}

    def rows(self) -> Counter[str]:
        """How often each row was taken, those that were not included."""
        return Counter(
            {
                f"{name}: {_shown(name, row)}": count
                for name, table in self.tables.items()
                for row, count in table.taken.items()
            }
        )


@contextlib.contextmanager
def watched(*, with_standalone: bool = False) -> Iterator[Watch]:
    """Watch the tables while the block runs."""
    watch = Watch()
    with contextlib.ExitStack() as stack:
        for module, name in [*TABLES, *(STANDALONE if with_standalone else ())]:
            rows = getattr(module, name)
            shown = f"STANDALONE {name}" if module is standalone else name
            watch.tables[shown] = WatchedTable(rows)
            stack.callback(setattr, module, name, rows)
            setattr(module, name, watch.tables[shown])
        yield watch


def _shown(name: str, row: Any) -> str:
    if isinstance(row, tuple):
        return " + ".join(_shown(name, part) for part in row)
    if isinstance(row, Enum):
        return row.name
    if row is None:
        return "nothing"
    if isinstance(row, type):
        return row.__name__
    return _NAMES[name.removeprefix("STANDALONE ")](row).name
