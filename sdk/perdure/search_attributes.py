"""Typed search attributes: keys with a type, pairs, updates, and collections of them. `perdure.common` exports them.

Role: what users write, and its plain form on the wire (`perdure.protocol.search_attributes`).
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from itertools import pairwise
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, get_origin, overload

from perdure.protocol.search_attributes import (
    TYPE_WORDS,
    SearchAttributeMap,
    SearchAttributeType,
    pack_search_attributes,
    search_attributes_problem,
    unpack_search_attributes,
)

T = TypeVar("T", str, int, float, bool, datetime, Sequence[str])
D = TypeVar("D")

SearchAttributeValue = str | int | float | bool | datetime | Sequence[str]
SearchAttributeValues = Sequence[str] | Sequence[int] | Sequence[float] | Sequence[bool] | Sequence[datetime]
SearchAttributes = Mapping[str, SearchAttributeValues]
"""The untyped form, deprecated: names to lists of values."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SearchAttributeIndexedValueType(IntEnum):
    """The type of a search attribute. Text is found by its words, Keyword as a whole."""

    TEXT = SearchAttributeType.TEXT
    KEYWORD = SearchAttributeType.KEYWORD
    INT = SearchAttributeType.INT
    DOUBLE = SearchAttributeType.DOUBLE
    BOOL = SearchAttributeType.BOOL
    DATETIME = SearchAttributeType.DATETIME
    KEYWORD_LIST = SearchAttributeType.KEYWORD_LIST


@dataclass(frozen=True)
class SearchAttributeKey(Generic[T]):
    """The name of a search attribute, with its type. Made by the `for_...` methods; equal if both are equal."""

    name: str
    indexed_value_type: SearchAttributeIndexedValueType

    @property
    def value_type(self) -> type[T]:
        """The type of its values; `Sequence[str]` for a list of keywords."""
        kind: type[T] = _VALUE_TYPES[self.indexed_value_type]
        return kind

    @property
    def origin_value_type(self) -> type:
        """The same without generics: what `isinstance` takes."""
        return get_origin(self.value_type) or self.value_type

    def value_set(self, value: T) -> SearchAttributeUpdate[T]:
        """An update that sets it."""
        return SearchAttributeUpdate(self, value)

    def value_unset(self) -> SearchAttributeUpdate[T]:
        """An update that takes it away."""
        return SearchAttributeUpdate(self, None)

    @staticmethod
    def for_text(name: str) -> SearchAttributeKey[str]:
        """Text that is found by any of its words, whatever their case."""
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.TEXT)

    @staticmethod
    def for_keyword(name: str) -> SearchAttributeKey[str]:
        """Text that is found as a whole, by its beginning, or in a range."""
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.KEYWORD)

    @staticmethod
    def for_int(name: str) -> SearchAttributeKey[int]:
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.INT)

    @staticmethod
    def for_float(name: str) -> SearchAttributeKey[float]:
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.DOUBLE)

    @staticmethod
    def for_bool(name: str) -> SearchAttributeKey[bool]:
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.BOOL)

    @staticmethod
    def for_datetime(name: str) -> SearchAttributeKey[datetime]:
        """A moment; a datetime without a time zone is in UTC."""
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.DATETIME)

    @staticmethod
    def for_keyword_list(name: str) -> SearchAttributeKey[Sequence[str]]:
        """Several keywords; it is found by any of them."""
        return SearchAttributeKey(name, SearchAttributeIndexedValueType.KEYWORD_LIST)


_VALUE_TYPES: dict[int, Any] = {
    SearchAttributeIndexedValueType.TEXT: str,
    SearchAttributeIndexedValueType.KEYWORD: str,
    SearchAttributeIndexedValueType.INT: int,
    SearchAttributeIndexedValueType.DOUBLE: float,
    SearchAttributeIndexedValueType.BOOL: bool,
    SearchAttributeIndexedValueType.DATETIME: datetime,
    SearchAttributeIndexedValueType.KEYWORD_LIST: Sequence[str],
}


class SearchAttributePair(NamedTuple, Generic[T]):
    """A search attribute: its key and its value."""

    key: SearchAttributeKey[T]
    value: T


@dataclass(frozen=True)
class SearchAttributeUpdate(Generic[T]):
    """What `upsert_search_attributes` is to do with one attribute; `value` None takes it away."""

    key: SearchAttributeKey[T]
    value: T | None


@dataclass(frozen=True)
class TypedSearchAttributes(Collection[SearchAttributePair[Any]]):
    """Search attributes, in order of their names; each name at most once. Never changed: `updated` makes another.

    Raises:
        ValueError: a name stands there twice.
    """

    search_attributes: Sequence[SearchAttributePair[Any]]

    empty: ClassVar[TypedSearchAttributes]

    def __post_init__(self) -> None:
        ordered = sorted(self.search_attributes, key=lambda pair: pair.key.name)
        object.__setattr__(self, "search_attributes", ordered)
        for one, other in pairwise(ordered):
            if one.key.name == other.key.name:
                raise ValueError(f"search attribute {one.key.name!r} is given twice")

    def __len__(self) -> int:
        return len(self.search_attributes)

    def __iter__(self) -> Iterator[SearchAttributePair[Any]]:
        return iter(self.search_attributes)

    def __contains__(self, key: object) -> bool:
        return any(pair.key == key for pair in self.search_attributes)

    def __getitem__(self, key: SearchAttributeKey[T]) -> T:
        """The value of a key.

        Raises:
            KeyError: there is none of this name and type.
        """
        for pair in self.search_attributes:
            if pair.key == key:
                value: T = pair.value
                return value
        raise KeyError(f"there is no search attribute {key.name!r} of type {TYPE_WORDS[_wire_type(key)]}")

    @overload
    def get(self, key: SearchAttributeKey[T]) -> T | None: ...

    @overload
    def get(self, key: SearchAttributeKey[T], default: D) -> T | D: ...

    def get(self, key: SearchAttributeKey[Any], default: Any = None) -> Any:
        """The value of a key, or `default`."""
        return next((pair.value for pair in self.search_attributes if pair.key == key), default)

    def updated(self, *search_attributes: SearchAttributePair[Any]) -> TypedSearchAttributes:
        """A copy in which these replace those of the same names."""
        pairs = {pair.key.name: pair for pair in (*self.search_attributes, *search_attributes)}
        return TypedSearchAttributes(list(pairs.values()))


TypedSearchAttributes.empty = TypedSearchAttributes([])

Given = TypedSearchAttributes | SearchAttributes
"""What calls take: the typed form, or the deprecated one."""


def search_attributes_to_bytes(attributes: Given | None) -> bytes:
    """The wire form of what a call was given.

    Raises:
        ValueError: a value does not fit its type, or they are too many or too large.
    """
    if not attributes:
        return b""
    if isinstance(attributes, TypedSearchAttributes):
        rows = {pair.key.name: _row(pair.key, pair.value) for pair in attributes}
    else:
        warn_of_untyped()
        rows = _untyped_rows(attributes)
        rows = {name: row for name, row in rows.items() if row[1] is not None}
    return _checked(rows)


def updates_to_bytes(updates: Iterable[SearchAttributeUpdate[Any]] | SearchAttributes) -> bytes:
    """The wire form of updates; in the deprecated form an empty list takes an attribute away.

    Raises:
        ValueError: as `search_attributes_to_bytes`; or nothing is given.
    """
    if isinstance(updates, Mapping):
        warn_of_untyped()
        return _checked(_untyped_rows(updates))
    rows: SearchAttributeMap = {}
    for update in updates:
        if update.key.name in rows:
            raise ValueError(f"search attribute {update.key.name!r} is updated twice in one call")
        rows[update.key.name] = _row(update.key, update.value)
    return _checked(rows)


def typed_search_attributes(data: bytes) -> TypedSearchAttributes:
    """Search attributes from their wire form."""
    return search_attributes_of(unpack_search_attributes(data))


def search_attributes_of(attributes: SearchAttributeMap) -> TypedSearchAttributes:
    """The public form of plain attributes."""
    pairs = [
        SearchAttributePair(_key(name, kind), _value_of(kind, value)) for name, (kind, value) in attributes.items()
    ]
    return TypedSearchAttributes(pairs) if pairs else TypedSearchAttributes.empty


def untyped_search_attributes(attributes: TypedSearchAttributes) -> SearchAttributes:
    """The deprecated form: each value as a list."""
    untyped: dict[str, Any] = {}
    for key, value in attributes:
        is_list = key.indexed_value_type == SearchAttributeIndexedValueType.KEYWORD_LIST
        untyped[key.name] = list(value) if is_list else [value]
    return untyped


def warn_of_untyped() -> None:
    warnings.warn(
        "Search attributes as a dictionary are deprecated; use TypedSearchAttributes, or a list of updates",
        DeprecationWarning,
        stacklevel=4,
    )


def _checked(rows: SearchAttributeMap) -> bytes:
    problem = search_attributes_problem(rows)
    if problem is not None:
        raise ValueError(problem)
    return pack_search_attributes(rows)


def _wire_type(key: SearchAttributeKey[Any]) -> SearchAttributeType:
    return SearchAttributeType(int(key.indexed_value_type))


def _key(name: str, kind: int) -> SearchAttributeKey[Any]:
    return SearchAttributeKey(name, SearchAttributeIndexedValueType(kind))


def _row(key: SearchAttributeKey[Any], value: Any) -> tuple[int, Any]:
    """Type and plain value. A value of another type is left as it is, for the check to name."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        value = (aware - _EPOCH) // timedelta(microseconds=1)
        if key.indexed_value_type != SearchAttributeIndexedValueType.DATETIME:
            value = aware.isoformat()
    elif key.indexed_value_type == SearchAttributeIndexedValueType.DATETIME and value is not None:
        raise ValueError(f"search attribute {key.name!r} is Datetime, which takes a datetime, not {value!r}")
    elif key.indexed_value_type == SearchAttributeIndexedValueType.KEYWORD_LIST and isinstance(value, Sequence):
        value = value if isinstance(value, str) else tuple(value)
    elif key.indexed_value_type == SearchAttributeIndexedValueType.DOUBLE and type(value) is int:
        value = float(value)
    return int(_wire_type(key)), value


def _value_of(kind: int, value: Any) -> Any:
    if kind == SearchAttributeType.DATETIME:
        return _EPOCH + timedelta(microseconds=value)
    return list(value) if kind == SearchAttributeType.KEYWORD_LIST else value


def _untyped_rows(attributes: SearchAttributes) -> SearchAttributeMap:
    """The deprecated form: the type is guessed from the values; an empty list is None."""
    rows: SearchAttributeMap = {}
    for name, values in attributes.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ValueError(f"search attribute {name!r} must be given as a list of values, not {values!r}")
        if not values:
            rows[name] = (int(SearchAttributeType.KEYWORD), None)
            continue
        kind = _GUESSED.get(type(values[0]))
        if kind is None or (len(values) > 1 and kind is not SearchAttributeType.KEYWORD):
            raise ValueError(
                f"search attribute {name!r} must be one value (text, number, boolean, datetime) or texts, "
                f"not {list(values)!r}"
            )
        if len(values) > 1:
            rows[name] = (int(SearchAttributeType.KEYWORD_LIST), tuple(values))
        else:
            rows[name] = _row(_key(name, kind), values[0])
    return rows


_GUESSED = {
    str: SearchAttributeType.KEYWORD,
    bool: SearchAttributeType.BOOL,
    int: SearchAttributeType.INT,
    float: SearchAttributeType.DOUBLE,
    datetime: SearchAttributeType.DATETIME,
}
