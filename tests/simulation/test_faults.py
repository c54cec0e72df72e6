"""Faults: every kind can be carried out, every point is one that an engine comes to, and a release breaks in order."""

from __future__ import annotations

from itertools import pairwise

import pytest

from perdure_broker.port import Broker, Outbox, Publication, StreamKind, TaskStream
from perdure_store.port import Store
from tests.simulation.faults.crash_points import BESIDE, PARTS, POINTS, STEPS, Moment, first_part, torn
from tests.simulation.faults.plan import DRAWS, FAULTS_MAX, FAULTS_MIN, FAULTS_S, RATES, Kind, draw_plan
from tests.simulation.scenario import ENGINES, WORKERS, draw_scenario
from tests.simulation.weather import Ill, Weather

QUEUE = TaskStream("default", "queue", StreamKind.ACTIVITY)


def full_outbox() -> Outbox:
    return Outbox(
        replies={"me": [b"row"]},
        publish={QUEUE: [Publication(1, "member", b"task")]},
        backlogged={QUEUE},
        finished={b"stream": ([b"1-0"], ["other"])},
        inbox_deletes={1: [b"1-0"], 2: [b"1-0"]},
    )


def held(outbox: Outbox) -> list[str]:
    parts = (outbox.backlogged, outbox.publish, outbox.finished, outbox.replies, outbox.inbox_deletes)
    return [name for name, part in zip(PARTS, parts, strict=True) if part]


@pytest.mark.parametrize("last", PARTS)
def test_a_release_breaks_in_the_order_in_which_it_leaves(last: str) -> None:
    part = first_part(full_outbox(), last)
    assert part is not None
    assert held(part) == list(PARTS[: PARTS.index(last) + 1])
    assert len(part.inbox_deletes) <= 1


def test_there_is_no_first_part_where_nothing_comes_after() -> None:
    assert first_part(Outbox(replies={"me": [b"row"]}), "replies") is None
    assert first_part(full_outbox(), "nothing of the kind") is None
    assert held(torn(Outbox(), 0.5)) == []


def test_every_point_is_a_call_of_an_engine() -> None:
    for name, point in POINTS.items():
        assert hasattr(Broker, point.method) or hasattr(Store, point.method), name
        assert (point.moment is Moment.PART) is bool(point.part), name
    assert len(set(POINTS.values())) == len(STEPS) + len(BESIDE)


def test_every_kind_is_drawn() -> None:
    drawn = [fault for seed in range(300) for fault in draw_scenario(seed).faults]
    assert {fault.kind for fault in drawn} == set(Kind) == set(DRAWS)
    assert {fault.word for fault in drawn if fault.kind is Kind.SPELL} == {ill.value for ill in Ill} == set(RATES)
    assert {fault.word for fault in drawn if fault.kind in (Kind.CRASH_ENGINE, Kind.FREEZE_ENGINE)} == set(POINTS)


def test_a_plan_is_in_order_and_within_its_time() -> None:
    for seed in range(100):
        plan = draw_scenario(seed).faults
        assert FAULTS_MIN <= len(plan) <= FAULTS_MAX
        assert [fault.number for fault in plan] == list(range(len(plan)))
        assert all(0 < before.at_s <= after.at_s < FAULTS_S for before, after in pairwise(plan))
        assert all(fault.slot < (WORKERS if "WORKER" in fault.kind.name else ENGINES) for fault in plan)
        assert plan == draw_plan(draw_scenario(seed).dice("faults"), ENGINES, WORKERS)
        assert all(str(fault) for fault in plan)


def test_spells_overlap() -> None:
    weather = Weather()
    weather.begin(1, Ill.SLOW, 0.3)
    weather.begin(2, Ill.SLOW, 0.1)
    assert weather.rate(Ill.SLOW) == 0.3
    weather.end(1)
    assert weather.rate(Ill.SLOW) == 0.1
    assert weather.rate(Ill.BROKER_LOST) == 0
    weather.end(2)
    assert weather.is_calm
