"""One error for whatever a codec raises."""

from __future__ import annotations

import pytest

from perdure.converter.payload_coding import PayloadCoding
from perdure.protocol.commands import CompleteWorkflowExecution
from perdure.protocol.payload import Payload, pack_payloads
from perdure.worker.decoding import CodecError, decoded
from tests.integration.data.codecs import FlippingCodec

COMPLETION = CompleteWorkflowExecution(pack_payloads([Payload({"encoding": b"json/plain"}, b'"tulip"')]))


async def test_without_a_codec_nothing_happens() -> None:
    assert await decoded(None, COMPLETION) is COMPLETION


async def test_what_a_codec_raises_is_the_cause() -> None:
    codec = FlippingCodec()
    encoded = await PayloadCoding(codec).encode(COMPLETION)
    assert await decoded(PayloadCoding(codec), encoded) == COMPLETION
    codec.refuses_decoding = b"tulip"
    with pytest.raises(CodecError, match="the payload codec cannot decode it: LookupError: no key") as caught:
        await decoded(PayloadCoding(codec), encoded)
    assert isinstance(caught.value.__cause__, LookupError)
