"""The in-memory stream: ids, cursors, deliveries, leases."""

from __future__ import annotations

from perdure_broker.memory_streams import Stream, id_bytes, parse_id


def test_ids_rise_although_the_clock_does_not() -> None:
    stream = Stream()
    assert [stream.add(b"x", now_ms) for now_ms in (5, 5, 3, 6)] == [b"5-0", b"5-1", b"5-2", b"6-0"]


def test_ids_are_read_back() -> None:
    assert parse_id(id_bytes((12, 3))) == (12, 3)
    assert parse_id(b"0") == (0, 0)


def test_reading_after_a_cursor() -> None:
    stream = Stream()
    for number in range(4):
        stream.add(b"%d" % number, number + 1)
    assert stream.after(b"2-0", 1) == [(b"3-0", b"2")]
    assert [data for _, data in stream.after(b"0-0", 10)] == [b"0", b"1", b"2", b"3"]
    stream.delete([b"2-0", b"9-9"])
    assert [data for _, data in stream.after(b"0-0", 10)] == [b"0", b"2", b"3"]
    stream.delete_before(b"4-0")
    assert stream.all_data() == [b"3"]


def test_delivery_is_once_and_pending_until_acked() -> None:
    stream = Stream()
    for number in range(3):
        stream.add(b"%d" % number, 1)
    assert [data for _, data in stream.take("a", 2, 10)] == [b"0", b"1"]
    assert [data for _, data in stream.take("b", 2, 20)] == [b"2"]
    assert stream.take("b", 2, 20) == []
    assert (len(stream), stream.undelivered) == (3, 0)
    assert [(entry.entry_id, entry.consumer, entry.idle_ms) for entry in stream.idle(15, b"-", 10, 30)] == [
        (b"1-0", "a", 20),
        (b"1-1", "a", 20),
    ]
    assert stream.ack([b"1-0", b"1-0"]) == 1
    assert [entry.entry_id for entry in stream.idle(0, b"1-2", 10, 30)] == [b"1-2"]
    assert not stream.holds_nothing("a")
    assert stream.holds_nothing("c")


def test_only_the_holder_renews() -> None:
    stream = Stream()
    stream.add(b"x", 1)
    stream.take("a", 1, 10)
    assert not stream.renew("b", b"1-0", 20)
    assert stream.renew("a", b"1-0", 20)
    assert stream.idle(1, b"-", 10, 20) == []
    stream.delete([b"1-0"])
    assert not stream.renew("a", b"1-0", 30)


def test_trimming_keeps_the_newest() -> None:
    stream = Stream()
    for number in range(5):
        stream.add(b"%d" % number, 1)
    stream.trim(3)
    stream.trim(10)
    assert stream.all_data() == [b"2", b"3", b"4"]
