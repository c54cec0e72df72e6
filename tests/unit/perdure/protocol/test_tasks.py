"""Tasks: the bytes of a stream entry."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import DecodeError, pack
from perdure.protocol.tasks import (
    TASKS,
    TaskKind,
    WorkflowTask,
    decode_task,
    encode_task,
    parse_member,
    readable_task,
    task_member,
)

TASK = WorkflowTask("default", "order-7", "run", "Order", 3, 2, 1, 5, 0, b"events")


def test_every_kind_has_a_class() -> None:
    assert set(TASKS.kind_of.values()) == {int(kind) for kind in TaskKind}


def test_a_task_survives() -> None:
    assert decode_task(encode_task(TASK)) == TASK


def test_the_attempts_of_a_task_have_names_of_their_own() -> None:
    assert task_member("run", 5, 1) == "run:5:1"
    assert len({task_member("run", event, attempt) for event in (1, 11) for attempt in (1, 11)}) == 4


def test_a_name_tells_its_attempt() -> None:
    assert parse_member(task_member("run", 5, 12)) == ("run", 5, 12)


@pytest.mark.parametrize("member", ["", "run", "run:5", ":5:1", "run:5:x", "run:5:1:2", "run:-5:1"])
def test_a_name_of_no_attempt_is_refused(member: str) -> None:
    with pytest.raises(DecodeError, match="names no attempt"):
        parse_member(member)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ((1, 1), "a task must be an array of version, kind and fields"),
        ((2, 1, tuple(TASK)), "task has codec version 2, this version reads 1"),
        ((1, 9, tuple(TASK)), "unknown task number 9"),
        ((1, 1, ("default",)), "WorkflowTask: 1 fields, at least 10 are required"),
    ],
)
def test_what_is_no_task_is_refused(value: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        decode_task(pack(value))


def test_a_task_that_cannot_be_is_refused() -> None:
    """Of a shard that there is not, or a run id that is none: what is sent about it would never be read."""
    whole = TASK._replace(run_id="5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11")
    assert readable_task(encode_task(whole), 4) == whole
    with pytest.raises(DecodeError, match="shard_id is 3; there are 3 shards"):
        readable_task(encode_task(whole), 3)
    with pytest.raises(DecodeError, match="'run', which is no UUID"):
        readable_task(encode_task(TASK), 4)
