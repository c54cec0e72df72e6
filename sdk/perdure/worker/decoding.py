"""What a worker receives, through its payload codec: one error for whatever the codec raises."""

from __future__ import annotations

from typing import TypeVar

from perdure.converter.failure_converter import plain_text
from perdure.converter.payload_coding import PayloadCoding
from perdure.exceptions import WorkflowTaskError

T = TypeVar("T")


class CodecError(WorkflowTaskError):
    """The payload codec cannot decode what arrived; its own error is the cause."""


async def decoded(coding: PayloadCoding | None, message: T) -> T:
    """A message, or a list of them, as it was before it was encoded.

    Raises:
        CodecError: the codec cannot decode it.
    """
    if coding is None:
        return message
    try:
        return await coding.decode(message)
    except Exception as error:  # the user's codec
        raise CodecError(codec_problem("decode", error)) from error


def codec_problem(verb: str, error: BaseException) -> str:
    """What is said of a codec that cannot encode or decode something."""
    return plain_text(f"the payload codec cannot {verb} it: {type(error).__name__}: {error}")
