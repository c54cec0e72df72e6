"""How Python values become payloads, and exceptions failures, and back."""

from perdure.converter.data_converter import DataConverter, default
from perdure.converter.failure_converter import DefaultFailureConverter, FailureConverter
from perdure.converter.payload_codec import PayloadCodec
from perdure.converter.payload_converter import (
    BinaryNullPayloadConverter,
    BinaryPlainPayloadConverter,
    CompositePayloadConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
    PayloadConverter,
    value_to_type,
)

__all__ = [
    "BinaryNullPayloadConverter",
    "BinaryPlainPayloadConverter",
    "CompositePayloadConverter",
    "DataConverter",
    "DefaultFailureConverter",
    "DefaultPayloadConverter",
    "EncodingPayloadConverter",
    "FailureConverter",
    "JSONPlainPayloadConverter",
    "PayloadCodec",
    "PayloadConverter",
    "default",
    "value_to_type",
]
