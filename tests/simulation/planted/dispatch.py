"""Bugs of dispatch: what is not published again, what is published twice, and lost workers that nobody notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from perdure_broker.memory_queues import MemoryQueues
from perdure_broker.memory_server import Queue
from perdure_broker.port import Publication, TaskStream
from perdure_engine.history.recovery import Recovery
from perdure_engine.matching.leases import LeaseWatch
from perdure_store.port import TransferRow
from tests.simulation.faults.plan import Fault, Kind
from tests.simulation.planted.bug import planted
from tests.simulation.rules import Rule
from tests.simulation.scenario import Scenario
from tests.simulation.weather import Ill


@planted(Rule.LIVENESS, seed=3)
def forget_a_republish(patch: pytest.MonkeyPatch) -> None:
    """Tasks that stand in no stream, because an engine died before it published them, stay where they are."""

    async def none_missing(self: Recovery, shard_id: int, *, older_than_us: int) -> AsyncIterator[list[TransferRow]]:
        for rows in list[list[TransferRow]]():
            yield rows

    patch.setattr(Recovery, "missing", none_missing)


def _with_lost_answers(scenario: Scenario) -> Scenario:
    """What was sent is often sent again."""
    lost = Fault(0, Kind.SPELL, 0.0, 0, 25.0, Ill.BROKER_ANSWER_LOST.value, 0.2)
    return replace(scenario, faults=(lost,))


@planted(Rule.HANDED_OUT_ONCE, Rule.AFTER_SUCCESS, sharpen=_with_lost_answers)
def publish_what_is_published(patch: pytest.MonkeyPatch) -> None:
    """The claims on published ids are not looked at: what is sent twice stands twice in its stream."""
    claim_and_add = MemoryQueues._claim_and_add

    def add_all(
        self: MemoryQueues, stream: TaskStream, queue: Queue, publications: list[Publication], room: int
    ) -> tuple[int, int]:
        queue.claimed.difference_update(publication.member for publication in publications)
        return claim_and_add(self, stream, queue, publications, room)

    patch.setattr(MemoryQueues, "_claim_and_add", add_all)


@planted(Rule.LIVENESS)
def overlook_a_lost_worker(patch: pytest.MonkeyPatch) -> None:
    """Nobody says that a worker is gone: what it held is never tried again."""

    async def look(self: LeaseWatch, lease_ms: int) -> int:
        self.next_look = self._environment.monotonic() + lease_ms / 3000
        return 0

    patch.setattr(LeaseWatch, "look", look)
