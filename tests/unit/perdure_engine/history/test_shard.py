"""How far a shard has come: decided, durable, read."""

from __future__ import annotations

from perdure_engine.history.shard import Shard
from perdure_store.port import ShardRow

ROW = ShardRow(3, 2, "one", 10, "epoch", "5-1", 40, 1_000)


def test_it_begins_where_the_store_says() -> None:
    shard = Shard(ROW, "epoch")
    advance = shard.advance()
    assert advance == (3, 2, 10, "epoch", "5-1", 40, 1_000)
    assert shard.advance().commit_seq == 11


def test_entries_up_to_the_cursor_are_done_by_time_and_sequence() -> None:
    shard = Shard(ROW, "epoch")
    assert [shard.is_done(entry_id) for entry_id in (b"5-0", b"5-1", b"5-2", b"10-0", b"4-9")] == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_the_inbox_is_read_from_its_start_at_first() -> None:
    """Entries whose effects are durable may have been left behind: they are still to be deleted."""
    assert Shard(ROW, "epoch").read_from == b"0-0"


def test_in_another_epoch_no_entry_is_done() -> None:
    assert not Shard(ROW, "another").is_done(b"1-0")


def test_the_first_commit_in_another_epoch_is_still_to_come() -> None:
    assert Shard(ROW, "another").has_lost_streams
    assert not Shard(ROW, "epoch").has_lost_streams
    assert not Shard(ROW._replace(inbox_epoch=""), "epoch").has_lost_streams, "there never was a commit"


def test_time_never_goes_back() -> None:
    shard = Shard(ROW, "epoch")
    assert [shard.tick(time) for time in (900, 1_100, 1_050)] == [1_000, 1_100, 1_100]


def test_task_ids_rise() -> None:
    shard = Shard(ROW, "epoch")
    assert (shard.take_task_id(), shard.take_task_id(), shard.advance().next_task_id) == (40, 41, 42)


def test_a_rewind_takes_back_what_was_decided_but_not_who_is_guilty() -> None:
    shard = Shard(ROW, "epoch")
    shard.cursor = shard.read_from = b"9-0"
    shard.take_task_id()
    shard.advance()
    shard.tick(5_000)
    shard.poisoned[b"8-0", 0] = "why"
    shard.rewind(ROW, "epoch")
    assert (shard.cursor, shard.read_from, shard.time_us) == (b"5-1", b"0-0", 1_000)
    assert shard.advance() == (3, 2, 10, "epoch", "5-1", 40, 1_000)
    assert shard.poisoned == {(b"8-0", 0): "why"}


def test_in_another_epoch_the_same_id_names_another_request() -> None:
    shard = Shard(ROW, "epoch")
    shard.poisoned[b"8-0", 0] = "why"
    shard.split[b"9-0"] = 1
    shard.rewind(ROW, "another")
    assert not shard.poisoned
    assert not shard.split
