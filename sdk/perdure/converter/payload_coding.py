"""A payload codec, applied to whole messages: requests, replies, tasks, events, failures.

Role: finds users' data in a message by how its fields are declared (`perdure.protocol.payload`), has the codec encode
or decode all of it at once, and builds the message anew. Messages in messages and in lists are found, too.

Rule: who has no codec has no `PayloadCoding` either, and pays nothing.
"""

from __future__ import annotations

import asyncio
import typing
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from perdure.converter.payload_codec import PayloadCodec
from perdure.exceptions import PayloadSizeError
from perdure.protocol.failure import Failure
from perdure.protocol.marker import pack_details, unpack_details
from perdure.protocol.memo import pack_memo, unpack_memo
from perdure.protocol.payload import (
    PAYLOAD_SIZE_MAX,
    Payload,
    PayloadForm,
    pack_payloads,
    unpack_payloads,
)

T = TypeVar("T")
_Transform = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]

_FLAT = (str, int, float, bool, bytes)
"""Types of fields that hold no message."""

UNENCODED = "(its details are left out: the payload codec cannot encode them)"
"""What the message of a failure says whose details could not be encoded; it must be recorded whatever it carries."""


class PayloadCoding:
    """See the module's docstring. `with_headers`: headers are encoded and decoded, too."""

    __slots__ = ("_codec", "_with_headers")

    def __init__(self, codec: PayloadCodec, *, with_headers: bool = False) -> None:
        self._codec = codec
        self._with_headers = with_headers

    async def encode(self, message: T) -> T:
        """The message as it travels.

        Raises:
            PayloadSizeError: a list of payloads is too large once it is encoded.
            Exception: whatever the codec raises.
        """
        return await self._coded(message, self._codec.encode)

    async def decode(self, message: T) -> T:
        """The message as it was before it was encoded.

        Raises:
            Exception: whatever the codec raises.
        """
        return await self._coded(message, self._codec.decode)

    async def _coded(self, message: T, transform: _Transform) -> T:
        found: list[_Found] = []
        self._find(message, found)
        if not found:
            return message
        if len(found) == 1:
            coded = [await _transformed(found[0], transform)]
        else:
            coded = await asyncio.gather(*(_transformed(each, transform) for each in found))
        rebuilt: T = self._rebuilt(message, iter(coded))
        return rebuilt

    def _find(self, value: Any, found: list[_Found]) -> None:
        """Users' data of a message, in the order in which `_rebuilt` puts it back."""
        if not isinstance(value, tuple | list):
            return
        fields = getattr(type(value), "_fields", None)
        if fields is None:
            for item in value:
                self._find(item, found)
            return
        for index, form in _places(type(value)):
            content = value[index]
            if form is None:
                self._find(content, found)
            elif content and self._is_coded(form):
                found.append(_Found(form, content))

    def _rebuilt(self, value: Any, coded: Iterator[bytes]) -> Any:
        if not isinstance(value, tuple | list):
            return value
        kind: Any = type(value)
        if not hasattr(kind, "_fields"):
            return kind(self._rebuilt(item, coded) for item in value)
        contents = list(value)
        for index, form in _places(kind):
            content = contents[index]
            if form is None:
                contents[index] = self._rebuilt(content, coded)
            elif content and self._is_coded(form):
                contents[index] = next(coded)
        return kind._make(contents)

    def _is_coded(self, form: PayloadForm) -> bool:
        return form is not PayloadForm.HEADERS or self._with_headers


class _Found(NamedTuple):
    """One field that holds users' data."""

    form: PayloadForm
    data: bytes


@cache
def _places(message: type[Any]) -> tuple[tuple[int, PayloadForm | None], ...]:
    """The fields of a message that hold users' data, with its form, or (None) may hold further messages."""
    places: list[tuple[int, PayloadForm | None]] = []
    hints = typing.get_type_hints(message, include_extras=True)
    for index, name in enumerate(message._fields):
        hint = hints[name]
        forms = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, PayloadForm)]
        if forms:
            places.append((index, forms[0]))
        elif not (isinstance(hint, type) and issubclass(hint, _FLAT)):
            places.append((index, None))
    return tuple(places)


async def _transformed(found: _Found, transform: _Transform) -> bytes:
    form, data = found
    if form is PayloadForm.LIST:
        coded = pack_payloads(_checked(await transform(unpack_payloads(data)), transform))
        if len(coded) > PAYLOAD_SIZE_MAX:
            raise PayloadSizeError(len(coded), PAYLOAD_SIZE_MAX)
        return coded
    if form is PayloadForm.LISTS:
        lists = unpack_details(data)
        return pack_details({name: _checked(await transform(each), transform) for name, each in lists.items()})
    coded_map: dict[str, Payload | None] = {}
    for name, each in unpack_memo(data).items():  # None: an update takes it away
        coded_map[name] = None if each is None else _one(await transform([each]), transform)
    return pack_memo(coded_map)


def _checked(coded: Any, transform: Any) -> list[Payload]:
    if not isinstance(coded, list | tuple) or not coded or not all(isinstance(each, Payload) for each in coded):
        raise TypeError(f"{transform.__qualname__} must return a list of at least one Payload, not {coded!r:.200}")
    return list(coded)


def _one(coded: Any, transform: Any) -> Payload:
    payloads = _checked(coded, transform)
    if len(payloads) != 1:
        raise TypeError(f"{transform.__qualname__} must return one Payload for one, not {len(payloads)}")
    return payloads[0]


def without_user_data(value: Any) -> Any:
    """A message without what a codec would have to encode."""
    if not isinstance(value, tuple) or not hasattr(value, "_fields"):
        return value
    kind: Any = type(value)
    contents = list(value)
    for index, form in _places(kind):
        contents[index] = without_user_data(contents[index]) if form is None else b""
    if kind is Failure:
        contents[0] = f"{contents[0]} {UNENCODED}"
    return kind._make(contents)
