"""Values to payloads and back: a list of encodings, of which the first that takes a value wins.

The default knows None, bytes and JSON. The encodings' names are Temporal's, so that payloads can be exchanged.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from perdure.common import RawValue
from perdure.converter.json_conversion import AdvancedJSONEncoder, JSONTypeConverter, typed_value
from perdure.converter.json_values import convert, from_json, to_json
from perdure.protocol.payload import Payload

_NULL = Payload({"encoding": b"binary/null"}, b"")
_PLAIN_METADATA = {"encoding": b"binary/plain"}
_JSON_METADATA = {"encoding": b"json/plain"}


class PayloadConverter(ABC):
    """Converts lists of values. Replace it through `DataConverter.payload_converter_class`."""

    default: ClassVar[PayloadConverter]

    @abstractmethod
    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """A payload for each value. A `RawValue` is its payload.

        Raises:
            TypeError: a value cannot be converted.
        """

    @abstractmethod
    def from_payloads(self, payloads: Sequence[Payload], type_hints: Sequence[Any] | None = None) -> list[Any]:
        """A value for each payload. `type_hints` may be shorter (the rest has none) and hold None.

        Raises:
            TypeError: a payload does not fit its hint.
            ValueError: a payload is of an unknown encoding, or malformed.
        """

    def to_payload(self, value: Any) -> Payload:
        return self.to_payloads([value])[0]

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        return self.from_payloads([payload], None if type_hint is None else [type_hint])[0]


class EncodingPayloadConverter(ABC):
    """One encoding."""

    @property
    @abstractmethod
    def encoding(self) -> str:
        """Its name, as the metadata says it."""

    @abstractmethod
    def to_payload(self, value: Any) -> Payload | None:
        """The payload, or None if this encoding does not take such a value."""

    @abstractmethod
    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        """The value."""


class BinaryNullPayloadConverter(EncodingPayloadConverter):
    """None."""

    @property
    def encoding(self) -> str:
        return "binary/null"

    def to_payload(self, value: Any) -> Payload | None:
        return _NULL if value is None else None

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        return None


class BinaryPlainPayloadConverter(EncodingPayloadConverter):
    """Bytes, as they are."""

    @property
    def encoding(self) -> str:
        return "binary/plain"

    def to_payload(self, value: Any) -> Payload | None:
        return Payload(_PLAIN_METADATA, bytes(value)) if isinstance(value, bytes | bytearray) else None

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        return bytearray(payload.data) if type_hint is bytearray else payload.data


class JSONPlainPayloadConverter(EncodingPayloadConverter):
    """Everything else, as JSON (see `json_values`)."""

    def __init__(
        self,
        *,
        encoder: type[json.JSONEncoder] | None = AdvancedJSONEncoder,
        decoder: type[json.JSONDecoder] | None = None,
        encoding: str = "json/plain",
        custom_type_converters: Sequence[JSONTypeConverter] = [],
    ) -> None:
        """Make a converter.

        Args:
            encoder: Makes the JSON, in place of the default one; None is `json.JSONEncoder`.
            decoder: Reads it.
            encoding: What the metadata calls it.
            custom_type_converters: Asked for each value before it is made what its type hint says.
        """
        self._encoder = encoder
        self._decoder = decoder
        self._encoding = encoding
        self._metadata = {"encoding": encoding.encode()}
        self._custom_type_converters = custom_type_converters

    @property
    def encoding(self) -> str:
        return self._encoding

    def to_payload(self, value: Any) -> Payload | None:
        if self._encoder is AdvancedJSONEncoder:
            return Payload(self._metadata, to_json(value))
        return Payload(self._metadata, json.dumps(value, cls=self._encoder, separators=(",", ":")).encode())

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        if self._decoder is None and not self._custom_type_converters:
            return from_json(payload.data, type_hint)
        value = json.loads(payload.data, cls=self._decoder)
        return value if type_hint is None else typed_value(type_hint, value, self._custom_type_converters)


class CompositePayloadConverter(PayloadConverter):
    """Tries encodings in order.

    Attributes:
        converters: The encodings, by their names.
    """

    converters: Mapping[bytes, EncodingPayloadConverter]

    def __init__(self, *converters: EncodingPayloadConverter) -> None:
        self.converters = {converter.encoding.encode(): converter for converter in converters}

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        return [self.to_payload(value) for value in values]

    def to_payload(self, value: Any) -> Payload:
        if type(value) is RawValue:
            return value.payload
        for converter in self.converters.values():
            payload = converter.to_payload(value)
            if payload is not None:
                return payload
        raise TypeError(f"no payload converter takes a value of type {type(value).__name__}")

    def from_payloads(self, payloads: Sequence[Payload], type_hints: Sequence[Any] | None = None) -> list[Any]:
        hints = type_hints or ()
        return [
            self.from_payload(payload, hints[index] if index < len(hints) else None)
            for index, payload in enumerate(payloads)
        ]

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        if type_hint is RawValue:
            return RawValue(payload)
        encoding = payload.metadata.get("encoding", b"")
        converter = self.converters.get(encoding)
        if converter is None:
            known = ", ".join(name.decode() for name in self.converters)
            raise ValueError(
                f"a payload has the encoding {encoding.decode(errors='replace')!r}, of which this data converter knows "
                f"nothing (it knows {known}); give the client and the worker the converter that wrote it"
            )
        return converter.from_payload(payload, type_hint)


class DefaultPayloadConverter(CompositePayloadConverter):
    """None, bytes, JSON.

    Attributes:
        default_encoding_payload_converters: These encodings, for converters that have others before or between them.
    """

    default_encoding_payload_converters: ClassVar[tuple[EncodingPayloadConverter, ...]] = (
        BinaryNullPayloadConverter(),
        BinaryPlainPayloadConverter(),
        JSONPlainPayloadConverter(),
    )

    def __init__(self) -> None:
        super().__init__(*self.default_encoding_payload_converters)

    def to_payload(self, value: Any) -> Payload:
        """As the composite does, without asking each encoding: this is on the way of every message."""
        if value is None:
            return _NULL
        kind = type(value)
        if kind is bytes:
            return Payload(_PLAIN_METADATA, value)
        if kind is RawValue or kind is bytearray or isinstance(value, bytes | bytearray):
            return super().to_payload(value)
        return Payload(_JSON_METADATA, to_json(value))

    def from_payload(self, payload: Payload, type_hint: Any = None) -> Any:
        if payload.metadata == _JSON_METADATA and type_hint is not RawValue:
            return from_json(payload.data, type_hint)
        return super().from_payload(payload, type_hint)


PayloadConverter.default = DefaultPayloadConverter()


def value_to_type(hint: Any, value: Any, custom_converters: Sequence[JSONTypeConverter] = []) -> Any:
    """Decoded JSON as a value of `hint`, custom converters being asked first.

    Raises:
        TypeError: it does not fit.
    """
    return typed_value(hint, value, custom_converters) if custom_converters else convert(value, hint)
