"""Who hears of an outcome."""

from __future__ import annotations

from perdure.protocol.replies import ExecutionStatus, Outcome, ReplyKind, decode_replies
from perdure_engine.history.batch import Batch
from perdure_engine.history.waiters import Waiters
from perdure_engine.history.windows import Windows
from tests.engine_stage import POST, ROUTING

OUTCOME = Outcome("run", ExecutionStatus.COMPLETED, b"out")


def heard(waiters: Waiters, shard_id: int = 0) -> list[tuple[str, int, int]]:
    batch = Batch(0, 0.0, Windows(), POST, ROUTING)
    waiters.resolve(batch, shard_id, OUTCOME)
    batch.seal()
    return [
        (sender, number, kind)
        for sender, rows in batch.outbox.replies.items()
        for data in rows
        for number, kind, _ in decode_replies(data)
    ]


def test_each_waiter_hears_once() -> None:
    waiters = Waiters()
    for sender, number in (("a", 1), ("a", 1), ("a", 2), ("b", 1)):
        waiters.add(0, "run", sender, number)
    waiters.add(0, "another", "c", 1)
    assert len(waiters) == 4
    outcome = ReplyKind.OUTCOME
    assert heard(waiters) == [("a", 1, outcome), ("a", 2, outcome), ("b", 1, outcome)]
    assert heard(waiters) == []
    assert len(waiters) == 1


def test_waiters_of_a_lost_shard_are_forgotten() -> None:
    waiters = Waiters()
    waiters.add(0, "run", "a", 1)
    waiters.add(1, "run", "b", 1)
    waiters.drop_shard(0)
    assert len(waiters) == 1
    assert heard(waiters, 0) == []
    assert [sender for sender, _, _ in heard(waiters, 1)] == ["b"]
