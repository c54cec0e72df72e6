"""Bugs of deletes: what is left of a run that was to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from perdure_store.memory import MemoryStore
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import WORKFLOWS, Scenario


def _with_many_workflows(scenario: Scenario) -> Scenario:
    """A few of them are deleted."""
    return replace(scenario, workflows=tuple(range(WORKFLOWS)), tasks=(), limited=(), schedules=(), has_night=False)


@planted(Rule.DELETED, Rule.VISIBLE, sharpen=_with_many_workflows)
def leave_a_deleted_run_in_lists(patch: pytest.MonkeyPatch) -> None:
    """A run is gone, and lists go on showing it."""

    async def delete_visibility(self: MemoryStore, namespace: str, run_ids: Sequence[str]) -> None:
        await self._called("delete_visibility")

    patch.setattr(MemoryStore, "delete_visibility", delete_visibility)
