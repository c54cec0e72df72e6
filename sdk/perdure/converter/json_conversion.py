"""What a program may put in place of the default converter's JSON: an encoder, and converters for types of its own.

Names and forms are those of `temporalio`. Most programs need none of it: dataclasses, pydantic models and the standard
library's types are known (see `json_values`).
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NewType

import pydantic
import pydantic_core

from perdure.converter.json_values import convert

JSONTypeConverterUnhandled = NewType("JSONTypeConverterUnhandled", object)
"""The type of `JSONTypeConverter.Unhandled`."""


class AdvancedJSONEncoder(json.JSONEncoder):
    """Makes JSON of what the default converter knows; extend `default` for types of your own."""

    def default(self, o: Any) -> Any:
        if isinstance(o, pydantic.BaseModel):
            return o.model_dump(by_alias=True)
        if dataclasses.is_dataclass(o) and not isinstance(o, type):
            return {field.name: getattr(o, field.name) for field in dataclasses.fields(o)}
        try:
            return pydantic_core.to_jsonable_python(o)
        except pydantic_core.PydanticSerializationError:
            if isinstance(o, Iterable):
                return list(o)
            return super().default(o)


class JSONTypeConverter(ABC):
    """Makes values of types of your own from decoded JSON, at any depth."""

    Unhandled: ClassVar[JSONTypeConverterUnhandled] = JSONTypeConverterUnhandled(object())
    """What `to_typed_value` returns for a hint that is not its business."""

    @abstractmethod
    def to_typed_value(self, hint: type, value: Any) -> Any | JSONTypeConverterUnhandled | None:
        """The value of type `hint` for what `json.loads` returned, or `Unhandled`."""


def typed_value(hint: Any, value: Any, converters: Sequence[JSONTypeConverter]) -> Any:
    """Decoded JSON as a value of `hint`, the converters being asked first, for each value inside, too.

    Raises:
        TypeError: it does not fit.
    """
    for converter in converters:
        made = converter.to_typed_value(hint, value)
        if made is not JSONTypeConverter.Unhandled:
            return made
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _of_union(hint, value, converters)
    if isinstance(value, list) and origin in (list, set, frozenset, tuple, Sequence):
        return _of_list(origin, arguments, value, converters)
    if isinstance(value, dict) and origin in (dict, Mapping) and arguments:
        keys, values = arguments
        return {convert(key, keys): typed_value(values, each, converters) for key, each in value.items()}
    if isinstance(value, dict) and isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        known = [field.name for field in dataclasses.fields(hint) if field.init and field.name in value]
        return hint(**{name: typed_value(hints[name], value[name], converters) for name in known})
    return convert(value, hint)


def _of_union(hint: Any, value: Any, converters: Sequence[JSONTypeConverter]) -> Any:
    for choice in typing.get_args(hint):
        try:
            return typed_value(choice, value, converters)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"the JSON fits no type of {hint}")


def _of_list(origin: Any, hints: tuple[Any, ...], values: list[Any], converters: Sequence[JSONTypeConverter]) -> Any:
    if origin is tuple and hints and hints[-1] is not Ellipsis:
        if len(hints) != len(values):
            raise TypeError(f"the JSON has {len(values)} values, the tuple {len(hints)}")
        return tuple(typed_value(hint, each, converters) for hint, each in zip(hints, values, strict=True))
    element = hints[0] if hints else Any
    made = [typed_value(element, each, converters) for each in values]
    return made if origin in (list, Sequence) else origin(made)
