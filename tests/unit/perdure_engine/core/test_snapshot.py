"""Snapshots: what comes back is what the fold would give; what is no snapshot is refused."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.commands import StartTimer
from perdure_engine.core.snapshot import decode_snapshot, encode_snapshot
from tests.audited_run import AuditedRun, picture
from tests.unit.perdure_engine.core.runs import (
    SECOND_US,
    activity_command,
    beat,
    break_down,
    complete_activity,
    fail_activity,
    go_on,
    report_started,
    running,
    signal,
)


def eventful() -> AuditedRun:
    """A run with something in every field."""
    run = running(
        activity_command("a", heartbeat_timeout_ms=5_000),
        activity_command("b"),
        activity_command("c"),
        StartTimer("nap", 1_000),
        StartTimer("long", 60_000),
    )
    report_started(run, 5)
    fail_activity(run, 6)
    signal(run)
    complete_activity(run, 7)
    run.now_us += SECOND_US
    for row in run.due():
        run.fire(row)
    run.end_batch()
    return run


def test_an_eventful_state_survives() -> None:
    run = eventful()
    state = decode_snapshot(encode_snapshot(run.state))
    assert picture(state) == picture(run.state)
    assert state.recent is None
    assert all(item.stored for item in state.buffered)


def test_a_failing_workflow_task_survives() -> None:
    run = running()
    signal(run)
    break_down(run)
    run.end_batch()
    state = decode_snapshot(encode_snapshot(run.state))
    assert state.workflow_task == run.state.workflow_task


def test_heartbeats_are_not_in_it() -> None:
    run = eventful()
    beat(run, b"page 7")
    activity = decode_snapshot(encode_snapshot(run.state)).activities[5]
    assert (activity.heartbeat_time_us, activity.heartbeat_check_us) == (0, 0)


def test_a_run_goes_on_from_a_snapshot() -> None:
    run = eventful()
    run.take_snapshot()
    run.reload(from_snapshot=True)
    go_on(run)
    assert run.state.recent is not None
    run.end_batch()


def test_a_newer_version_may_add_fields() -> None:
    version, fields = unpack(encode_snapshot(eventful().state))
    assert decode_snapshot(pack((version, (*fields, "new")))).workflow_id == "order-7"


def _spoiled(place: int, value: Any) -> bytes:
    version, fields = unpack(encode_snapshot(eventful().state))
    return pack((version, (*fields[:place], value, *fields[place + 1 :])))


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"\xc1", "not a msgpack value"),
        (pack(1), "a snapshot must be an array of version and fields"),
        (pack((9, ())), "snapshot has codec version 9, this version reads 1"),
        (pack((1, ("default",))), "Snapshot: 1 fields, at least 18 are required"),
        (_spoiled(4, ("x",)), "WorkflowExecutionStarted: 1 fields, at least 2 are required"),
        (_spoiled(12, ((5,),)), "ActivityRow: 1 fields, at least 12 are required"),
        (_spoiled(13, (("nap", 5, 5, 9),)), "a snapshot has the phase 9, which is not one of TimerPhase"),
        (_spoiled(14, ((5, 4711, ()),)), "unknown history event number 4711"),
    ],
)
def test_what_is_no_snapshot_is_refused(data: bytes, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_snapshot(data)
