"""Updates on the wire: deliveries in a task, and what is no such thing."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import DecodeError, pack, unpack
from perdure.protocol.failure import ApplicationInfo, Failure
from perdure.protocol.updates import (
    UpdateDelivery,
    UpdateReply,
    UpdateStage,
    decode_deliveries,
    decode_update_reply,
    encode_deliveries,
)


def test_deliveries_survive() -> None:
    given = (UpdateDelivery("u1", "add", b"args", "me", b"headers"), UpdateDelivery("u2", "add", b"", ""))
    assert decode_deliveries(encode_deliveries(given)) == given


def test_no_deliveries_cost_no_bytes() -> None:
    assert encode_deliveries(()) == b""
    assert decode_deliveries(b"") == ()


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(DecodeError, match="the updates of a task must be an array"):
        decode_deliveries(pack(5))


def test_an_outcome_survives() -> None:
    failure = Failure.of("no", ApplicationInfo("Rejected"))
    reply = UpdateReply("run", UpdateStage.COMPLETED, b"", failure)
    assert decode_update_reply(unpack(pack(reply))) == reply
