"""Workflows of every kind, and runs of them that were recorded: the code is as old as its histories.

Whoever changes what a workflow here does must give it a new name and record it again; the recorded histories stay as
they are. A new kind is a module with `WORKFLOWS`, `ACTIVITIES` and `TALES`, named in `KINDS`.

    python -m tests.golden.record    records what has no history yet
"""

from __future__ import annotations

from typing import Any

from tests.golden.catalogue import (
    activities,
    chains,
    children,
    ends,
    messages,
    others,
    sagas,
    tale as tale_module,
    updates,
    versions,
    waiting,
)
from tests.golden.catalogue.tale import Tale

KINDS = (activities, waiting, messages, ends, chains, children, others, versions, sagas, updates)

WORKFLOWS: list[Any] = [code for kind in KINDS for code in kind.WORKFLOWS]
ACTIVITIES: list[Any] = [*tale_module.ACTIVITIES, *(code for kind in KINDS for code in kind.ACTIVITIES)]
TALES: list[Tale] = [one for kind in KINDS for one in kind.TALES]
