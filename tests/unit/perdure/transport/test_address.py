"""The default address, and its encrypted form."""

from __future__ import annotations

import pytest

from perdure.transport.address import DEFAULT_ADDRESS, DEFAULT_PORT, with_tls


def test_the_default_is_where_the_dev_command_listens() -> None:
    assert DEFAULT_ADDRESS == f"127.0.0.1:{DEFAULT_PORT}" == "127.0.0.1:7419"


@pytest.mark.parametrize("address", ["redis.example:6380", "redis://redis.example:6380", "rediss://redis.example:6380"])
def test_with_tls(address: str) -> None:
    assert with_tls(address) == "rediss://redis.example:6380"


@pytest.mark.parametrize("scheme", ["redis", "rediss"])
@pytest.mark.parametrize("rest", ["+cluster://a:1,b:2", "+sentinel://a:1,b:2/service"])
def test_with_tls_of_several_servers(scheme: str, rest: str) -> None:
    assert with_tls(f"{scheme}{rest}") == f"rediss{rest}"


def test_a_socket_has_no_encryption() -> None:
    with pytest.raises(ValueError, match="tls=True does not go with a unix://"):
        with_tls("unix:///run/redis.sock")
