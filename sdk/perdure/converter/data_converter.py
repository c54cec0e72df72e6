"""The converters that a client or worker is given, and the form on the wire.

Rule: what ends in `_bytes` and `_failure` here is synchronous, and stops before the codec: whoever sends and receives
messages has them encoded and decoded as a whole (`coding`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from perdure.common import RawValue
from perdure.converter.failure_converter import DefaultFailureConverter, FailureConverter, failure_of_unsayable
from perdure.converter.json_values import from_json, to_json
from perdure.converter.payload_codec import PayloadCodec
from perdure.converter.payload_coding import PayloadCoding
from perdure.converter.payload_converter import DefaultPayloadConverter, PayloadConverter
from perdure.converter.single_json import unwrap_json, wrap_json
from perdure.exceptions import PayloadSizeError
from perdure.protocol.content import CONTENT_BYTES_MAX
from perdure.protocol.failure import Failure
from perdure.protocol.payload import (
    PAYLOAD_SIZE_MAX,
    PAYLOAD_SIZE_WARNING,
    Payload,
    pack_payloads,
    unpack_payloads,
)

logger = logging.getLogger("perdure.converter")

KEPT_SIZE_MAX = 16 * 1024 * 1024
"""Bytes of values that their run keeps once, unless a converter says otherwise: eight times those of any others."""

_NOT_JSON = (bytes, bytearray, RawValue)
"""What the default converter does not make JSON of (beside None)."""


@dataclass(frozen=True)
class DataConverter:
    """Converts values and exceptions.

    Attributes:
        payload_converter_class: Made once for this converter.
        payload_codec: What payloads pass on their way, if anything.
        failure_converter_class: Made once for this converter.
        kept_size_max: Bytes of arguments, results and signals that a run keeps once, 16 MiB unless it is said
            otherwise, and at most 64 MiB. What is encoded by a codec, and anything else, is bounded to 2 MiB.
        payload_converter: Values to payloads.
        failure_converter: Exceptions to failures.
    """

    payload_converter_class: type[PayloadConverter] = DefaultPayloadConverter
    payload_codec: PayloadCodec | None = None
    failure_converter_class: type[FailureConverter] = DefaultFailureConverter
    kept_size_max: int = KEPT_SIZE_MAX
    payload_converter: PayloadConverter = field(init=False)
    failure_converter: FailureConverter = field(init=False)
    _is_default: bool = field(init=False, repr=False)

    default: ClassVar[DataConverter]

    def __post_init__(self) -> None:
        if not 0 < self.kept_size_max <= CONTENT_BYTES_MAX:
            raise ValueError(f"kept_size_max must be from 1 to {CONTENT_BYTES_MAX} bytes, not {self.kept_size_max}")
        object.__setattr__(self, "payload_converter", self.payload_converter_class())
        object.__setattr__(self, "failure_converter", self.failure_converter_class())
        object.__setattr__(self, "_is_default", self.payload_converter_class is DefaultPayloadConverter)

    async def encode(self, values: Sequence[Any]) -> list[Payload]:
        """A payload for each value, encoded by the codec, if there is one."""
        payloads = self.payload_converter.to_payloads(values)
        return payloads if self.payload_codec is None or not payloads else await self.payload_codec.encode(payloads)

    async def decode(self, payloads: Sequence[Payload], type_hints: Sequence[Any] | None = None) -> list[Any]:
        """A value for each payload, decoded by the codec, if there is one."""
        if self.payload_codec is not None and payloads:
            payloads = await self.payload_codec.decode(payloads)
        return self.payload_converter.from_payloads(payloads, type_hints)

    async def encode_failure(self, exception: BaseException) -> Failure:
        """The failure that an exception is recorded as, its details encoded by the codec, if there is one."""
        failure = self.to_failure(exception)
        coding = self.coding()
        return failure if coding is None else await coding.encode(failure)

    async def decode_failure(self, failure: Failure) -> BaseException:
        """The exception that a recorded failure is raised as."""
        coding = self.coding()
        return self.from_failure(failure if coding is None else await coding.decode(failure))

    def coding(self, *, with_headers: bool = False) -> PayloadCoding | None:
        """The codec for whole messages; None if there is no codec."""
        return None if self.payload_codec is None else PayloadCoding(self.payload_codec, with_headers=with_headers)

    def to_bytes(self, values: Sequence[Any], what: str = "the values") -> bytes:
        """The wire form of a list of values. `what` is what an error calls them.

        Raises:
            TypeError: a value cannot be converted.
            PayloadSizeError: they are larger than 2 MB together.
        """
        data = self._pack(values)
        if len(data) > PAYLOAD_SIZE_WARNING:
            if len(data) > PAYLOAD_SIZE_MAX:
                raise PayloadSizeError(len(data), PAYLOAD_SIZE_MAX, what)
            logger.warning(
                "Values take %d bytes when encoded; above %d they are refused. Pass a reference to large content.",
                len(data),
                PAYLOAD_SIZE_MAX,
            )
        return data

    def to_kept_bytes(self, values: Sequence[Any], what: str = "the values", name: str = "") -> bytes:
        """The wire form of values that their run keeps once (`perdure.content`), which may be larger. What a codec
        encodes is not kept so, and may not.

        Args:
            what: What an error calls them; `name`: whose they are.

        Raises:
            TypeError: a value cannot be converted.
            PayloadSizeError: they are larger than `kept_size_max` together.
        """
        data = self._pack(values)
        if len(data) > PAYLOAD_SIZE_MAX:
            limit = PAYLOAD_SIZE_MAX if self.payload_codec is not None else self.kept_size_max
            said = f"{what} {name!r}" if name else what
            if len(data) > limit:
                raise PayloadSizeError(len(data), limit, said)
            logger.warning("In all, %s take %d bytes when encoded; above %d they are refused.", said, len(data), limit)
        return data

    def _pack(self, values: Sequence[Any]) -> bytes:
        if self._is_default and len(values) == 1:
            value = values[0]
            if value is not None and not isinstance(value, _NOT_JSON):
                return wrap_json(to_json(value))
        return pack_payloads(self.payload_converter.to_payloads(values))

    def value_to_bytes(self, value: Any) -> bytes:
        """The wire form of one value, such as a result."""
        return self.to_bytes((value,))

    def from_bytes(self, data: bytes, type_hints: Sequence[Any] | None = None) -> list[Any]:
        """The values of a wire form.

        Raises:
            TypeError: a value does not fit its hint.
            ValueError: malformed, or of an unknown encoding.
        """
        if self._is_default:
            json = unwrap_json(data)
            if json is not None:
                hint = type_hints[0] if type_hints else None
                if hint is not RawValue:
                    return [from_json(json, hint)]
        return self.payload_converter.from_payloads(unpack_payloads(data), type_hints) if data else []

    def value_from_bytes(self, data: bytes, type_hint: Any = None) -> Any:
        """The one value of a wire form; None if it holds none."""
        values = self.from_bytes(data, (type_hint,))
        return values[0] if values else None

    def to_failure(self, exception: BaseException) -> Failure:
        """The failure that an exception is recorded as. It never raises, whatever the exception's own methods do: what
        cannot be recorded would never be over."""
        try:
            return self.failure_converter.to_failure(exception, self.payload_converter)
        except BaseException:  # a user's `__str__`, property or converter
            logger.exception("No failure can be made of an exception of type %s.", type(exception).__name__)
            return failure_of_unsayable(exception)

    def from_failure(self, failure: Failure) -> BaseException:
        """The exception that a recorded failure is raised as."""
        return self.failure_converter.from_failure(failure, self.payload_converter)


DataConverter.default = DataConverter()


def default() -> DataConverter:
    """The data converter of clients and workers that are given none."""
    return DataConverter.default
