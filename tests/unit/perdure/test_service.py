"""The error of a call says what was wrong, and of which kind it is."""

from __future__ import annotations

import pytest

from perdure.exceptions import PerdureError
from perdure.service import RPCError, RPCStatusCode


def test_it_is_caught_as_an_error_of_perdure_and_knows_its_status() -> None:
    with pytest.raises(PerdureError, match="no such workflow") as caught:
        raise RPCError("no such workflow", RPCStatusCode.NOT_FOUND)
    assert isinstance(caught.value, RPCError)
    assert (caught.value.message, caught.value.status) == ("no such workflow", RPCStatusCode.NOT_FOUND)


def test_the_codes_are_those_of_grpc() -> None:
    assert [code.value for code in RPCStatusCode] == list(range(17))
    assert RPCStatusCode(14) is RPCStatusCode.UNAVAILABLE
