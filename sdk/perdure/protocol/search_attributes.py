"""Search attributes on the wire: what a run can be found by, as a packed map of names to types and values.

Unlike user data they are opened by engines, which index them. Rules:
- A value is in the plain form of its type: text, an integer, a float, a boolean, microseconds since 1970 for a moment,
  an array of texts for a list of keywords. None, in an update, takes the attribute away.
- Names are in order, so that equal attributes are equal bytes; none at all are `b""`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from perdure.protocol.codec import DecodeError, pack, shown, unpack
from perdure.protocol.ids import text_problem

ATTRIBUTES_MAX = 100
"""Search attributes of one run (Temporal's limit)."""

NAME_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 2_048
"""Characters of one text, keyword, or element of a list (Temporal's limit, in bytes)."""

SIZE_MAX = 40 * 1024
"""Bytes of all search attributes of one run (Temporal's limit)."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_INT_MAX = 2**63 - 1
_TIME_US_MIN, _TIME_US_MAX = -62_135_596_800_000_000, 253_402_300_799_999_999


class SearchAttributeType(IntEnum):
    """Temporal's numbers."""

    TEXT = 1
    KEYWORD = 2
    INT = 3
    DOUBLE = 4
    BOOL = 5
    DATETIME = 6
    KEYWORD_LIST = 7


TYPE_WORDS = {
    SearchAttributeType.TEXT: "Text",
    SearchAttributeType.KEYWORD: "Keyword",
    SearchAttributeType.INT: "Int",
    SearchAttributeType.DOUBLE: "Double",
    SearchAttributeType.BOOL: "Bool",
    SearchAttributeType.DATETIME: "Datetime",
    SearchAttributeType.KEYWORD_LIST: "KeywordList",
}
"""As Temporal's command line and metadata write them."""

PREDEFINED: dict[str, int] = {
    "BuildIds": SearchAttributeType.KEYWORD_LIST,
    "TemporalChangeVersion": SearchAttributeType.KEYWORD_LIST,
    "TemporalReportedProblems": SearchAttributeType.KEYWORD_LIST,
    "TemporalScheduledById": SearchAttributeType.KEYWORD,
    "TemporalScheduledStartTime": SearchAttributeType.DATETIME,
    "TemporalWorkerDeployment": SearchAttributeType.KEYWORD,
    "TemporalWorkerDeploymentVersion": SearchAttributeType.KEYWORD,
    "TemporalWorkflowVersioningBehavior": SearchAttributeType.KEYWORD,
}
"""Search attributes that every namespace knows; their names and types are Temporal's."""

_TYPE_OF = {word: kind for kind, word in TYPE_WORDS.items()}
_WORD = re.compile(r"\w+")

SearchAttributeMap = dict[str, tuple[int, Any]]


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= TEXT_LENGTH_MAX and "\0" not in value


_ALLOWED: dict[int, tuple[Callable[[Any], bool], str]] = {
    SearchAttributeType.TEXT: (_is_text, f"text of at most {TEXT_LENGTH_MAX:,} characters"),
    SearchAttributeType.KEYWORD: (_is_text, f"text of at most {TEXT_LENGTH_MAX:,} characters"),
    SearchAttributeType.INT: (
        lambda value: type(value) is int and -_INT_MAX <= value <= _INT_MAX,
        "an integer of 64 bits",
    ),
    SearchAttributeType.DOUBLE: (
        lambda value: type(value) in (float, int) and math.isfinite(value),
        "a finite number",
    ),
    SearchAttributeType.BOOL: (lambda value: type(value) is bool, "True or False"),
    SearchAttributeType.DATETIME: (
        lambda value: type(value) is int and _TIME_US_MIN <= value <= _TIME_US_MAX,
        "a moment of the years 1 to 9999",
    ),
    SearchAttributeType.KEYWORD_LIST: (
        lambda value: type(value) is tuple and all(map(_is_text, value)),
        f"a list of texts of at most {TEXT_LENGTH_MAX:,} characters",
    ),
}


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a search attribute, or None."""
    problem = text_problem("the name of a search attribute", name)
    if problem is None and (len(name) > NAME_LENGTH_MAX or not _NAME.match(name)):
        problem = (
            f"{shown(name)} is no name for a search attribute; use up to {NAME_LENGTH_MAX} letters, digits, "
            "'_', '-' and '.', beginning with a letter"
        )
    return problem


def search_attributes_problem(attributes: Mapping[str, tuple[int, Any]]) -> str | None:
    """What is wrong with search attributes, or with an update of them, or None."""
    if len(attributes) > ATTRIBUTES_MAX:
        return f"{len(attributes)} search attributes are too many; the limit of one run is {ATTRIBUTES_MAX}"
    for name, (kind, value) in attributes.items():
        problem = name_problem(name)
        if problem is not None:
            return problem
        if kind not in _ALLOWED:
            return f"search attribute {name!r} has the unknown type {shown(kind)}"
        is_allowed, allowed = _ALLOWED[kind]
        if value is not None and not is_allowed(value):
            return (
                f"search attribute {name!r} is {TYPE_WORDS[SearchAttributeType(kind)]}, which takes {allowed}, "
                f"not {shown(value)}"
            )
    size = len(pack_search_attributes(attributes))
    if size > SIZE_MAX:
        return f"the search attributes take {size:,} bytes; the limit of one run is {SIZE_MAX:,}"
    return None


def pack_search_attributes(attributes: Mapping[str, tuple[int, Any]]) -> bytes:
    """The wire form."""
    return pack(dict(sorted(attributes.items()))) if attributes else b""


def unpack_search_attributes(data: bytes) -> SearchAttributeMap:
    """The inverse of `pack_search_attributes`.

    Raises:
        DecodeError: not search attributes.
    """
    if not data:
        return {}
    rows = unpack(data)
    if type(rows) is not dict:
        raise DecodeError("search attributes must be a map")
    for name, row in rows.items():
        if type(name) is not str or type(row) is not tuple or len(row) != 2 or type(row[0]) is not int:
            raise DecodeError("search attributes must map names to pairs of type and value")
    return rows


def indexed_attributes(data: bytes) -> str:
    """JSON text for the index of lists: each name stands with its type (`"Amount:Int": 12`), so that what was written
    under another type is never compared. Text is a list of itself and its words, which it is found by."""
    if not data:
        return ""
    rows: dict[str, Any] = {}
    for name, (kind, value) in unpack_search_attributes(data).items():
        indexed = [value, *words_of(value)] if kind == SearchAttributeType.TEXT else value
        rows[index_name(name, kind)] = indexed
    return json.dumps(rows, ensure_ascii=False)


def index_name(name: str, kind: int) -> str:
    """The name of an attribute in the index."""
    return f"{name}:{TYPE_WORDS[SearchAttributeType(kind)]}"


def words_of(text: str) -> list[str]:
    """The words that a text is found by, each once, in lower case."""
    return list(dict.fromkeys(_WORD.findall(text.lower())))


def attributes_of_index(text: str) -> SearchAttributeMap:
    """The inverse of `indexed_attributes`; what is not understood is left out."""
    attributes: SearchAttributeMap = {}
    for indexed, value in (json.loads(text) if text else {}).items():
        name, _, word = indexed.rpartition(":")
        kind = _TYPE_OF.get(word)
        if kind == SearchAttributeType.TEXT:
            value = value[0]
        elif kind == SearchAttributeType.KEYWORD_LIST:
            value = tuple(value)
        if kind is not None:
            attributes[name] = (int(kind), value)
    return dict(sorted(attributes.items()))


def merged_search_attributes(data: bytes, update: bytes) -> bytes:
    """Search attributes after an update; what it sets to None is gone."""
    if not update:
        return data
    merged = unpack_search_attributes(data) | unpack_search_attributes(update)
    return pack_search_attributes({name: row for name, row in merged.items() if row[1] is not None})
