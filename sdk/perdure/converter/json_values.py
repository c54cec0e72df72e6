"""Python values as JSON bytes, and JSON bytes as values of a type hint.

Role: orjson for what it knows, pydantic for the rest: models, dataclasses, enums, UUIDs, datetimes, timedeltas, sets,
decimals, named tuples.

Rules:
- Nothing is lost silently where JSON has room for it: integers beyond 64 bits keep their digits, fields of a dataclass
  whose names begin with an underscore are kept. (JSON has no NaN and no infinity: they become null.)
- A hint costs one pydantic adapter, made once; plain values that already have the hinted type need none.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import orjson
import pydantic
import pydantic_core

from perdure.converter.typed_dicts import adopt_typed_dicts

_HINTS_MAX = 4096
"""Adapters that are kept: a bound against programs that make types at run time."""

_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS
_TOO_DEEP = "recursion limit"
_PLAIN = frozenset({str, int, bool, dict, list})

_adapters: dict[Any, pydantic.TypeAdapter[Any]] = {}


def to_json(value: Any) -> bytes:
    """Encode one value.

    Raises:
        TypeError: no JSON can be made of it; the text says of what, and what to use instead.
    """
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except TypeError as error:
        return _to_json_slowly(value, error)


def _plain(value: Any) -> Any:
    """What orjson asks for a value that it does not know."""
    if isinstance(value, pydantic.BaseModel):
        return orjson.Fragment(value.model_dump_json(by_alias=True).encode())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return pydantic_core.to_jsonable_python(value)


def _to_json_slowly(value: Any, error: TypeError) -> bytes:
    """For keys that are not text and integers beyond 64 bits, which orjson refuses."""
    try:
        return pydantic_core.to_json(value, by_alias=True)
    except (ValueError, TypeError) as second:
        raise TypeError(
            f"a value of type {type(value).__name__} cannot be made JSON ({error.__cause__ or second or error}); use "
            "plain values, dataclasses, pydantic models, enums, UUIDs or datetimes, or write a payload converter"
        ) from second


def from_json(data: bytes, hint: Any = None) -> Any:
    """Decode one value as what `hint` says (None: as it stands in the JSON).

    Raises:
        TypeError: the JSON does not fit the hint, or no value can be made of such a hint.
        ValueError: not JSON.
    """
    if hint is None or hint is Any or hint is object:
        return _value_of(data)
    if hint in _PLAIN if type(hint) is type else False:
        value = _value_of(data)
        if type(value) is hint:
            return value
    try:
        return _adapter(hint).validate_json(data)
    except pydantic.ValidationError as error:
        if _TOO_DEEP in error.errors(include_url=False, include_input=False)[0]["msg"]:
            return convert(_deep_value_of(data), hint)
        raise _misfit(hint, error) from None


def _value_of(data: bytes) -> Any:
    try:
        return pydantic_core.from_json(data)
    except ValueError as error:
        if _TOO_DEEP not in str(error):
            raise
        return _deep_value_of(data)


def _deep_value_of(data: bytes) -> Any:
    """What pydantic finds too deep to be read, though it may be written: up to 254 levels."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply to be read") from error


def convert(value: Any, hint: Any) -> Any:
    """Decoded JSON as a value of `hint`.

    Raises:
        TypeError: it does not fit.
    """
    try:
        return _adapter(hint).validate_python(value)
    except pydantic.ValidationError as error:
        raise _misfit(hint, error) from None


def _misfit(hint: Any, error: pydantic.ValidationError) -> TypeError:
    # Without the input: it may be a secret, and errors are stored and shown.
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    text = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'value'}: {p['msg']}" for p in problems[:5])
    name = getattr(hint, "__name__", None) or str(hint)
    return TypeError(f"the JSON does not fit {name}: {text}")


def _adapter(hint: Any) -> pydantic.TypeAdapter[Any]:
    try:
        found = _adapters.get(hint)
    except TypeError:  # a hint that cannot be hashed, such as Annotated[..., {}]
        return _make_adapter(hint)
    if found is None:
        found = _make_adapter(hint)
        if len(_adapters) < _HINTS_MAX:
            _adapters[hint] = found
    return found


def _make_adapter(hint: Any) -> pydantic.TypeAdapter[Any]:
    try:
        return pydantic.TypeAdapter(hint)
    except (pydantic.errors.PydanticSchemaGenerationError, pydantic.errors.PydanticUserError) as error:
        if error.code == "typed-dict-version" and adopt_typed_dicts(hint):
            return _make_adapter(hint)
        name = getattr(hint, "__name__", None) or str(hint)
        raise TypeError(
            f"no value of type {name} can be made of JSON; make it a dataclass or a pydantic model, or write a payload "
            f"converter ({str(error).splitlines()[0]})"
        ) from error
