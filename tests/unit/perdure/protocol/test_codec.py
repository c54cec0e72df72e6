"""The registry checks what comes in, forgives what is newer, and says what is wrong. Round trips: tests/property."""

from __future__ import annotations

import threading
from enum import IntEnum
from typing import Any, NamedTuple

import pytest

from perdure.protocol.codec import DecodeError, Registry, decodes, pack, struct_decoder, unpack


class Inner(NamedTuple):
    name: str


_inner = struct_decoder(Inner)


class Own(NamedTuple):
    name: str


@decodes(Own)
def _own(fields: Any) -> Own:
    return Own(f"own {_inner(fields).name}")


class Outer(NamedTuple):
    number: int
    ratio: float
    text: str = "default"
    data: bytes = b""
    flag: bool = False
    names: tuple[str, ...] = ()
    inner: Inner | None = None
    anything: Any = None
    inners: tuple[Inner, ...] = ()
    own: Own | None = None
    owns: tuple[Own, ...] = ()
    some: tuple[int, ...] | None = None
    even: int = 0

    @staticmethod
    def _decode_even(value: int) -> int:
        return value // 2 * 2


class Empty(NamedTuple):
    pass


class Kind(IntEnum):
    OUTER = 1
    EMPTY = 2


FAMILY = Registry("thing", {Kind.OUTER: Outer, Kind.EMPTY: Empty})


def test_a_message_goes_behind_its_number() -> None:
    message = Outer(7, 0.5, names=("a",), inner=Inner("x"))
    assert FAMILY.numbered(message) == (1, message)
    kind, fields = unpack(pack(FAMILY.numbered(message)))
    assert FAMILY.decode(kind, fields) == message
    assert type(FAMILY.decode(kind, fields).inner) is Inner


def test_a_field_is_read_as_its_type_says() -> None:
    fields = unpack(pack(Outer(7, 0.5, inners=(Inner("a"), Inner("b")), own=Own("c"), owns=(Own("d"),), even=5)))
    read = FAMILY.decode(1, fields)
    assert [type(inner) for inner in read.inners] == [Inner, Inner]
    assert (read.own, read.owns, read.some, read.even) == (Own("own c"), (Own("own d"),), None, 4)


def test_missing_fields_get_their_defaults() -> None:
    assert FAMILY.decode(1, (7, 1)) == Outer(7, 1)


def test_fields_of_a_newer_version_are_dropped() -> None:
    assert FAMILY.decode(2, ("new", 1)) == Empty()
    assert FAMILY.decode(1, (*Outer(7, 0.5), "new")) == Outer(7, 0.5)


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        (3, (), "unknown thing number 3; an older version reads what a newer one wrote"),
        (True, (), "unknown thing number True"),
        ([], (), r"unknown thing number \[\]"),
        (1, {}, "Outer: fields must be an array, not dict"),
        (1, (7,), "Outer: 1 fields, at least 2 are required"),
        (1, ("7", 0.5), "Outer.number must be int, not str"),
        (1, (True, 0.5), "Outer.number must be int, not bool"),
        (1, (7, "x"), "Outer.ratio must be float or int, not str"),
        (1, (7, 0.5, None), "Outer.text must be str, not NoneType"),
        (1, (7, 0.5, "a\0b"), "Outer.text contains a NUL character, which the store cannot keep"),
        (1, (7, 0.5, "", "x"), "Outer.data must be bytes, not str"),
        (1, (7, 0.5, "", b"", 1), "Outer.flag must be bool, not int"),
        (1, (7, 0.5, "", b"", True, ("a", 1)), "Outer.names must hold only str, without NUL characters; it holds 1"),
        (1, (7, 0.5, "", b"", True, ("\0",)), "Outer.names must hold only str"),
        (1, (7, 0.5, "", b"", True, (), (1,)), "Inner.name must be str, not int"),
        (1, (7, 0.5, "", b"", True, (), "x"), "Outer.inner must be NoneType or tuple, not str"),
        (1, (7, 0.5, "", b"", True, (), None, 1, ("x",)), "Inner: fields must be an array, not str"),
        (1, (7, 0.5, "", b"", True, (), None, 1, ((1,),)), "Inner.name must be str, not int"),
        (1, (7, 0.5, "", b"", True, (), None, 1, (), None, (), ("x",)), "Outer.some must hold only int"),
    ],
)
def test_what_is_wrong_is_said(kind: Any, fields: Any, wrong: str) -> None:
    with pytest.raises(DecodeError, match=wrong):
        FAMILY.decode(kind, fields)


def test_a_bare_message_is_checked_alike() -> None:
    with pytest.raises(DecodeError, match="Inner: fields must be an array, not str"):
        _inner("x")


def test_one_class_has_one_number() -> None:
    with pytest.raises(ValueError, match="one thing has two numbers"):
        Registry("thing", {1: Inner, 2: Inner})


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x92\x01", b"\x01\x02", b"\xa1\xff", b"\x81\x01\x02", b"\xdd\xff\xff\xff\xff", b"\x91" * 5000],
)
def test_bytes_that_are_no_value_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not a msgpack value"):
        unpack(data)


def test_arrays_come_back_as_tuples() -> None:
    assert unpack(pack([1, [2, {"a": [3]}]])) == (1, (2, {"a": (3,)}))


def test_an_error_leaves_the_packer_clean() -> None:
    with pytest.raises((TypeError, OverflowError)):
        pack(["half", object()])
    with pytest.raises((ValueError, OverflowError)):
        pack(["half", 2**70])
    assert unpack(pack("whole")) == "whole"


def test_threads_do_not_share_a_packer() -> None:
    value = ["x" * 1000] * 50
    wrong: list[bytes] = []

    def work() -> None:
        expected = pack(value)
        wrong.extend(data for _ in range(200) if (data := pack(value)) != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
