"""Names have limits, and a place; both are the same for every process."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest

from perdure.protocol.ids import ID_LENGTH_MAX, is_run_id, run_id_for_start, shard_id_for, text_problem


def test_shards_are_ranges_of_one_hash() -> None:
    """Fixed for ever: data is stored by it. A shard of four is the union of four shards of sixteen."""
    assert shard_id_for("default", "order-7", 16) == 10
    for number in range(200):
        fine, coarse = (shard_id_for("default", f"order-{number}", count) for count in (16, 4))
        assert fine // 4 == coarse


def test_shards_share_the_load() -> None:
    counts = Counter(shard_id_for("default", f"order-{number}", 16) for number in range(16_000))
    assert set(counts) == set(range(16))
    assert max(counts.values()) < 1_200


def test_namespace_and_workflow_id_do_not_run_together() -> None:
    assert run_id_for_start("a", "bc", "r") != run_id_for_start("ab", "c", "r")


def test_a_start_has_one_run_id() -> None:
    run_id = run_id_for_start("default", "order-7", "request-1")
    assert run_id == run_id_for_start("default", "order-7", "request-1") == str(uuid.UUID(run_id))
    assert run_id != run_id_for_start("default", "order-7", "request-2")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("order-7", None),
        ("ä 漢字", None),
        ("x" * ID_LENGTH_MAX, None),
        (7, "workflow id must be text, not int"),
        ("", "workflow id must not be empty"),
        ("x" * 1001, "workflow id has 1001 characters; the limit is 1000"),
        ("a\0b", "workflow id contains a NUL character"),
        ("a\ud800", "workflow id contains an unpaired surrogate"),
    ],
)
def test_text_problem(value: object, problem: str | None) -> None:
    found = text_problem("workflow id", value)
    assert found == problem if problem is None else found is not None and found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11", True),
        ("5B0C1A52-7C43-5D0F-9A35-3F0A3F6D1C11", False),
        ("{5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11}", False),
        ("5b0c1a52-7c43-5d0f-9a35-3f0a3f6d1c11\n", False),
        ("", False),
    ],
)
def test_what_can_be_a_run_id(text: str, is_one: bool) -> None:
    assert is_run_id(text) == is_one
