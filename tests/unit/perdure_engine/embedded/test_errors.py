"""One kind of error, whichever server it is about."""

from __future__ import annotations

from perdure_engine.embedded import postgres, valkey
from perdure_engine.embedded.errors import EmbeddedServerError


def test_both_servers_fail_alike() -> None:
    assert postgres.EmbeddedServerError is valkey.EmbeddedServerError is EmbeddedServerError
