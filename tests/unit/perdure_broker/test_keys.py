"""Key names: stable, one slot a queue, no two streams alike, read back exactly."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from perdure_broker import keys as keys_module
from perdure_broker.keys import Keys
from perdure_broker.port import StreamKind, TaskStream

kinds = st.sampled_from([StreamKind.WORKFLOW, StreamKind.ACTIVITY])
names = st.text(min_size=1, max_size=20) | st.sampled_from(["}", "{", "a/b", "%7D", "a:stream:w", "}:stream:w"])
streams = st.builds(
    TaskStream, names, names, st.sampled_from([StreamKind.WORKFLOW, StreamKind.ACTIVITY]), st.just("")
) | st.builds(TaskStream, names, names, st.just(StreamKind.STICKY), names)


def hash_tag(key: bytes) -> bytes:
    """What Redis Cluster hashes: between the first brace and the next closing one, if anything is there."""
    start = key.index(b"{")
    end = key.index(b"}", start)
    assert end > start + 1
    return key[start + 1 : end]


def test_names_are_as_documented() -> None:
    keys = Keys()
    assert keys.queue(TaskStream("default", "orders", StreamKind.WORKFLOW)) == (
        b"perdure:{default/orders}:stream:w",
        b"perdure:{default/orders}:ids:w",
        b"perdure:{default/orders}:meta:w",
        b"perdure:{default/orders}:workers:w",
        b"perdure:{default/orders}:info:w",
        b"perdure:{default/orders}:fences",
        b"perdure:{default/orders}:announced:w",
        b"perdure:{default/orders}:rates:w",
        b"perdure:{default/orders}:holds:w",
        b"perdure:{default/orders}:keyed:w",
        b"perdure:{default/orders}:counts:w",
    )
    sticky = keys.queue(TaskStream("default", "orders", StreamKind.STICKY, "w:1"))
    assert sticky.stream == b"perdure:{default/orders}:stream:s:w:1"
    assert keys.inbox(17) == b"perdure:{p0}:inbox:17"
    assert keys.replies("me") == b"perdure:replies:me"


@given(streams)
def test_a_stream_is_read_back_from_its_key(stream: TaskStream) -> None:
    assert Keys().stream_of(Keys().queue(stream).stream) == stream


@given(streams)
def test_all_keys_of_a_queue_live_in_one_slot(stream: TaskStream) -> None:
    workflow = Keys().queue(stream._replace(kind=StreamKind.WORKFLOW, worker=""))
    assert len({hash_tag(key) for key in (*Keys().queue(stream), *workflow)}) == 1


@given(streams, streams)
def test_no_two_streams_share_a_key(one: TaskStream, other: TaskStream) -> None:
    if one != other:
        shared = set(Keys().queue(one)) & set(Keys().queue(other))
        assert shared <= {Keys().queue(one).fences}
        assert not shared or one[:2] == other[:2]


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"perdure:cluster",
        b"perdure:{p0}:inbox:1",
        b"perdure:{default/orders}:ids:w",
        b"perdure:{default/orders}:stream:x",
        b"perdure:{default/orders}:stream:w:worker",
        b"perdure:{default}:stream:w",
        b"other:{default/orders}:stream:w",
        b"perdure:{a/b/c}:stream:w",
        b"\xff",
    ],
)
def test_other_keys_are_no_task_streams(key: bytes) -> None:
    assert Keys().stream_of(key) is None


def test_inboxes_are_spread_over_partitions() -> None:
    keys = Keys(inbox_partitions=3)
    assert [keys.partition(shard) for shard in range(5)] == [0, 1, 2, 0, 1]
    assert keys.inbox(4) == b"perdure:{p1}:inbox:4"


def test_prefixes_keep_deployments_apart() -> None:
    stream = TaskStream("default", "orders", StreamKind.WORKFLOW)
    assert not set(Keys("a").queue(stream)) & set(Keys("b").queue(stream))
    with pytest.raises(ValueError, match="prefix"):
        Keys("a{b")
    with pytest.raises(ValueError, match="prefix"):
        Keys("")


def test_caches_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "CACHED_STREAMS_MAX", 3)
    keys = Keys()
    for number in range(10):
        stream = TaskStream("default", f"q{number}", StreamKind.WORKFLOW)
        assert keys.stream_of(keys.queue(stream).stream) == stream
    assert len(keys._queues) <= 3
    assert len(keys._streams) <= 3
