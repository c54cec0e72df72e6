"""Search attributes inside history events as Temporal's JSON writes them: payloads whose metadata name the type."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from perdure.protocol.search_attributes import (
    TYPE_WORDS,
    SearchAttributeMap,
    SearchAttributeType,
    pack_search_attributes,
    unpack_search_attributes,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KIND_OF = {word: kind for kind, word in TYPE_WORDS.items()}


_KIND_OF_PLAIN = {
    bool: SearchAttributeType.BOOL,
    int: SearchAttributeType.INT,
    float: SearchAttributeType.DOUBLE,
    str: SearchAttributeType.KEYWORD,
}
"""For values that do not say what they are, as some of Temporal's SDKs wrote them: what they look like."""


def search_attributes_to_json(data: bytes) -> dict[str, Any]:
    """A map of names to payloads; what an update takes away is an empty list (as Temporal writes it)."""
    fields = {}
    for name, (kind, value) in unpack_search_attributes(data).items():
        plain: Any = [] if value is None else value
        if kind == SearchAttributeType.DATETIME and value is not None:
            plain = (_EPOCH + timedelta(microseconds=value)).isoformat(timespec="microseconds")
        metadata = {"encoding": b"json/plain", "type": TYPE_WORDS[SearchAttributeType(kind)].encode()}
        fields[name] = {
            "metadata": {key: base64.b64encode(word).decode() for key, word in metadata.items()},
            "data": base64.b64encode(json.dumps(plain).encode()).decode(),
        }
    return {"indexedFields": fields}


def search_attributes_from_json(row: Any) -> bytes:
    """The inverse.

    Raises:
        ValueError: a payload is not JSON of a known type.
    """
    rows: SearchAttributeMap = {}
    for name, payload in (row.get("indexedFields") or {}).items():
        word = base64.b64decode((payload.get("metadata") or {}).get("type", "")).decode()
        kind = _KIND_OF.get(word.removeprefix("INDEXED_VALUE_TYPE_").title().replace("_", ""), _KIND_OF.get(word))
        plain = json.loads(base64.b64decode(payload.get("data") or ""))
        if kind is None and word:
            raise ValueError(f"search attribute {name!r} has the unknown type {word!r}")
        kind = kind or _KIND_OF_PLAIN.get(type(plain), SearchAttributeType.KEYWORD_LIST)
        rows[str(name)] = (int(kind), _value(kind, plain))
    return pack_search_attributes(rows)


def _value(kind: SearchAttributeType, plain: Any) -> Any:
    if plain == [] or plain is None:
        return None
    if kind == SearchAttributeType.KEYWORD_LIST:
        return tuple(plain) if isinstance(plain, list) else (plain,)
    if isinstance(plain, list):  # Temporal writes some single values as lists of one
        plain = plain[0]
    if kind == SearchAttributeType.DATETIME:
        moment = datetime.fromisoformat(plain)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    return plain
