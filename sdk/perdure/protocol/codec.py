"""msgpack with strict limits, and the table that turns a number and a list of fields into a message.

Role: `pack` / `unpack` for everything that crosses a process or reaches a disk. `Registry` maps a kind number to its
NamedTuple, checks the types of the fields, and tolerates fields that a newer version appended.

A field that holds a message, or a list of messages, is read as its type says. What a type does not say stands beside
the class: `@decodes(cls)` where messages of a class need more than the check of their fields, wherever they are held; a
static method `_decode_<field>(value)` where one field does.
"""

from __future__ import annotations

import functools
import reprlib
import threading
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgpack

CODEC_VERSION = 1
"""First element of every envelope and history row; a reader refuses what is newer than itself."""

_Decoder = TypeVar("_Decoder", bound=Callable[..., Any])


class DecodeError(ValueError):
    """Bytes that are not a message of this protocol. The text names the message and the field."""


class _Local(threading.local):
    """A packer a thread: a packer owns a buffer, so that it must not be shared, and is costly to create."""

    def __init__(self) -> None:
        self.pack: Callable[[Any], bytes] = msgpack.Packer(use_bin_type=True, autoreset=True).pack


_local = _Local()


def pack(value: Any) -> bytes:
    """Encode plain data (tuples, lists, dicts with text keys, str, bytes, int, float, bool, None)."""
    return _local.pack(value)


def unpack(data: bytes) -> Any:
    """Decode plain data; arrays come back as tuples.

    Lengths inside are bounded by the length of `data`, nesting by msgpack's own stack limit, and map keys must be text
    or bytes, so that hostile input can cost no more memory than a small multiple of its size.

    Raises:
        DecodeError: `data` is not one msgpack value.
    """
    try:
        return msgpack.unpackb(data, use_list=False, raw=False, strict_map_key=True)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise DecodeError(f"not a msgpack value ({type(error).__name__}: {error})") from error


def shown(value: Any) -> str:
    """A decoded value for the text of an error: short and flat, however large or deep it is (`repr` of what is nested a
    thousand times raises RecursionError)."""
    return reprlib.repr(value)


def _accepted_types(hint: Any) -> frozenset[type]:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return frozenset().union(*(_accepted_types(arm) for arm in typing.get_args(hint)))
    if origin is not None:
        hint = origin
    if hint is Any:
        return frozenset({str, bytes, int, float, bool, tuple, dict, type(None)})
    if hint is float:
        return frozenset({float, int})
    if isinstance(hint, type) and issubclass(hint, int) and hint is not bool:
        return frozenset({int})
    if isinstance(hint, type) and issubclass(hint, tuple):
        return frozenset({tuple})
    return frozenset({hint})


_own_decoders: dict[type[Any], Callable[[Any], Any]] = {}


def decodes(cls: type[Any]) -> Callable[[_Decoder], _Decoder]:
    """Decorates the function that reads messages of this class in place of `struct_decoder`."""

    def register(decode: _Decoder) -> _Decoder:
        _own_decoders[cls] = decode
        return decode

    return register


def _field_decoder(label: str, hint: Any) -> Callable[[Any], Any] | None:
    """For a field whose type says that it holds a message, a list of them, or a list of plain values: what reads it, if
    it is not None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arms = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        return _field_decoder(label, arms[0]) if len(arms) == 1 else None
    if _is_message(hint):
        return _own_decoders.get(hint) or struct_decoder(hint)
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is not tuple or arguments[-1] is not Ellipsis or arguments[0] is Any:
        return None
    if _is_message(arguments[0]):
        return _list_decoder(_own_decoders.get(arguments[0]) or struct_decoder(arguments[0]))
    return _list_checker(label, arguments[0])


def _is_message(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _list_decoder(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decode_all(rows: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([decode(row) for row in rows])

    return decode_all


def _list_checker(label: str, hint: Any) -> Callable[[Any], Any]:
    accepted = _accepted_types(hint)

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        for value in values:
            if type(value) not in accepted or (type(value) is str and "\0" in value):
                allowed = " or ".join(sorted(kind.__name__ for kind in accepted))
                raise DecodeError(f"{label} must hold only {allowed}, without NUL characters; it holds {shown(value)}")
        return values

    return check


class _Plan(NamedTuple):
    """What is left to do for fields whose types are known to be right."""

    texts: tuple[int, ...]
    nested: tuple[tuple[int, Callable[[Any], Any]], ...]
    is_whole: bool


_PLANS_MAX = 256
"""Plans that one shape remembers: there are only a few ways in which optional fields are filled."""


class _Shape:
    """How the fields of one message are checked and completed.

    The check of a combination of types is done once and remembered, since this runs for every message (measured: 1 us
    instead of 2 for a request).
    """

    __slots__ = ("accepted", "cls", "count", "name", "nested", "plans", "required")

    def __init__(self, cls: type[Any], name: str = "") -> None:
        hints = typing.get_type_hints(cls)
        names: tuple[str, ...] = cls._fields
        self.cls = cls
        self.name = name or cls.__name__
        self.count = len(names)
        self.accepted = tuple(_accepted_types(hints[name]) for name in names)
        self.required = len(names) - len(cls._field_defaults)
        self.plans: dict[tuple[type, ...], _Plan] = {}
        self.nested: dict[int, Callable[[Any], Any]] = {}
        for index, field in enumerate(names):
            decode = getattr(cls, "_decode_" + field, None) or _field_decoder(f"{self.name}.{field}", hints[field])
            if decode is not None:
                self.nested[index] = decode

    def build(self, fields: tuple[Any, ...]) -> Any:
        if len(fields) > self.count:
            fields = fields[: self.count]
        types = tuple(map(type, fields))
        plan = self.plans.get(types) or self._make_plan(types, fields)
        for index in plan.texts:
            if "\0" in fields[index]:
                raise self._wrong(fields)
        if plan.nested:
            whole = list(fields)
            for index, decode in plan.nested:
                whole[index] = decode(whole[index])
            fields = tuple(whole)
        return tuple.__new__(self.cls, fields) if plan.is_whole else self.cls(*fields)

    def _make_plan(self, types: tuple[type, ...], fields: tuple[Any, ...]) -> _Plan:
        given = len(fields)
        if given < self.required:
            raise DecodeError(f"{self.name}: {given} fields, at least {self.required} are required")
        if any(kind not in accepted for kind, accepted in zip(types, self.accepted, strict=False)):
            raise self._wrong(fields)
        plan = _Plan(
            tuple(index for index, kind in enumerate(types) if kind is str),
            tuple(
                (index, decode)
                for index, decode in self.nested.items()
                if index < given and types[index] is not type(None)
            ),
            given == self.count,
        )
        if len(self.plans) < _PLANS_MAX:
            self.plans[types] = plan
        return plan

    def _wrong(self, fields: tuple[Any, ...]) -> DecodeError:
        for name, value, accepted in zip(self.cls._fields, fields, self.accepted, strict=False):
            if type(value) not in accepted:
                allowed = " or ".join(sorted(kind.__name__ for kind in accepted))
                return DecodeError(f"{self.name}.{name} must be {allowed}, not {type(value).__name__}")
            if isinstance(value, str) and "\0" in value:
                return DecodeError(f"{self.name}.{name} contains a NUL character, which the store cannot keep")
        return DecodeError(f"{self.name}: malformed")


class Registry:
    """The numbered messages of one family (events, commands, requests, ...).

    `numbered(message)` gives `(kind, message)`, which packs as it is.
    """

    def __init__(self, family: str, classes: Mapping[int, type[Any]]) -> None:
        self.family = family
        self.kind_of: dict[type[Any], int] = {cls: int(kind) for kind, cls in classes.items()}
        if len(self.kind_of) != len(classes):
            raise ValueError(f"one {family} has two numbers")
        self._shapes = {int(kind): _Shape(cls) for kind, cls in classes.items()}

    def numbered(self, message: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]]:
        """The message behind its number: what goes on the wire."""
        return (self.kind_of[type(message)], message)

    def decode(self, kind: Any, fields: Any) -> Any:
        """The message of number `kind` with these `fields`.

        Raises:
            DecodeError: unknown number, missing field, wrong type, or a NUL character in text.
        """
        shape = self._shapes.get(kind) if type(kind) is int else None
        if shape is None:
            raise DecodeError(
                f"unknown {self.family} number {shown(kind)}; an older version reads what a newer one wrote?"
            )
        if type(fields) is not tuple:
            raise DecodeError(f"{shape.name}: fields must be an array, not {type(fields).__name__}")
        return shape.build(fields)


@functools.cache
def struct_decoder(cls: type[Any], name: str = "") -> Callable[[Any], Any]:
    """A decoder for one message that has no number, because its place says what it is. `name` is what errors call it,
    if not by its class."""
    shape = _Shape(cls, name)

    def decode(fields: Any) -> Any:
        if type(fields) is not tuple:
            raise DecodeError(f"{shape.name}: fields must be an array, not {type(fields).__name__}")
        return shape.build(fields)

    return decode
