"""The pydantic converter of programs written for `temporalio`; here the default one knows pydantic already.

What is left to choose is that fields which were not set are not written (`ToJsonOptions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pydantic_core

from perdure.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    Payload,
)
from perdure.converter.json_values import from_json, to_json

_METADATA = {"encoding": b"json/plain"}
_SERIALIZER = pydantic_core.SchemaSerializer(pydantic_core.core_schema.any_schema())


@dataclass
class ToJsonOptions:
    """How models become JSON."""

    exclude_unset: bool = False


class PydanticJSONPlainPayloadConverter(EncodingPayloadConverter):
    """JSON, as the default converter has it, unless an option says otherwise."""

    def __init__(self, to_json_options: ToJsonOptions | None = None) -> None:
        self._excludes_unset = to_json_options is not None and to_json_options.exclude_unset

    @property
    def encoding(self) -> str:
        return "json/plain"

    def to_payload(self, value: Any) -> Payload | None:
        if not self._excludes_unset:
            return Payload(_METADATA, to_json(value))
        return Payload(_METADATA, _SERIALIZER.to_json(value, by_alias=True, exclude_unset=True))

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        return from_json(payload.data, type_hint)


class PydanticPayloadConverter(CompositePayloadConverter):
    """None, bytes, and JSON with these options. For options, extend it by a class that takes no arguments."""

    def __init__(self, to_json_options: ToJsonOptions | None = None) -> None:
        json = PydanticJSONPlainPayloadConverter(to_json_options)
        encodings = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*(json if isinstance(each, JSONPlainPayloadConverter) else each for each in encodings))


pydantic_data_converter = DataConverter(payload_converter_class=PydanticPayloadConverter)
"""Converts what pydantic knows; so does the default converter."""
