"""Runs that earlier versions wrote: they replay to the same commands, fold to the same state, go on from a snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from perdure.client import WorkflowHistory
from perdure.protocol.events import HistoryEvent, decode_records
from perdure.worker import Replayer
from perdure.workflow import NondeterminismError
from perdure_engine.core.fold import begin, fold
from perdure_engine.core.snapshot import decode_snapshot
from perdure_engine.core.state import MutableState
from tests.audited_run import picture
from tests.golden import shelf
from tests.golden.workflows import WORKFLOWS


class Run(NamedTuple):
    """One run as it was stored: its history row by row, and the snapshot that was taken before a row, by its number."""

    workflow_id: str
    run_id: str
    rows: list[list[HistoryEvent]]
    snapshots: dict[int, bytes]


def load(path: Path) -> Run:
    content = json.loads(path.read_text())
    rows = [decode_records(bytes.fromhex(row)) for row in content["rows"]]
    snapshots = {int(number): bytes.fromhex(data) for number, data in content["snapshots"].items()}
    return Run(content["workflow_id"], content["run_id"], rows, snapshots)


PATHS = sorted(shelf.HISTORIES.glob("*.json"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest) -> Run:
    return load(request.param)


def events_of(run: Run) -> list[HistoryEvent]:
    return [record for row in run.rows for record in row if record.event_id]


def folded(run: Run, rows: list[list[HistoryEvent]]) -> MutableState:
    first, *others = [record for row in rows for record in row]
    state = begin("default", run.workflow_id, run.run_id, 0, first)
    fold(state, others)
    return state


def test_there_are_some() -> None:
    assert len(PATHS) >= 3
    assert any(record.event_id == 0 for path in PATHS for row in load(path).rows for record in row), "no annotation"


async def test_it_replays(run: Run) -> None:
    history = WorkflowHistory(run.workflow_id, events_of(run), run.run_id)
    await Replayer(workflows=WORKFLOWS).replay_workflow(history)


async def test_the_replay_would_notice_another_command(run: Run) -> None:
    """A timer for an activity, or the other way round: what a wrong reader could make of the bytes."""
    events = [
        event._replace(attributes=event.attributes._replace(activity_type="another"))
        if hasattr(event.attributes, "activity_type")
        else event
        for event in events_of(run)
    ]
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=WORKFLOWS).replay_workflow(WorkflowHistory(run.workflow_id, events, run.run_id))


def test_it_folds_to_a_closed_run_without_gaps(run: Run) -> None:
    state = folded(run, run.rows)
    assert not state.is_open
    assert [event.event_id for event in events_of(run)] == list(range(1, state.next_event_id))


def test_its_snapshots_are_what_it_folds_to(run: Run) -> None:
    assert run.snapshots
    for number, data in run.snapshots.items():
        expected: Any = picture(folded(run, run.rows[:number]))
        found: Any = picture(decode_snapshot(data))
        expected["batch_no"] = found["batch_no"]
        assert found == expected, f"the snapshot before row {number}"


def test_it_goes_on_from_any_snapshot(run: Run) -> None:
    expected: Any = picture(folded(run, run.rows))
    for number, data in run.snapshots.items():
        state = decode_snapshot(data)
        fold(state, [record for row in run.rows[number:] for record in row])
        found: Any = picture(state)
        found["batch_no"] = expected["batch_no"]
        assert found == expected, f"from the snapshot before row {number}"
