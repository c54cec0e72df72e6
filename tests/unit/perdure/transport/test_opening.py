"""An address that is none is refused before anything is connected. (Servers: `tests/integration/client`.)"""

from __future__ import annotations

import pytest

from perdure.transport import open_transport


@pytest.mark.parametrize("address", ["http://redis.example", "", "redis://:6379", "host:port"])
async def test_what_is_no_address_says_what_is(address: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        await open_transport(address)


async def test_a_socket_cannot_be_encrypted() -> None:
    with pytest.raises(ValueError, match="tls"):
        await open_transport("unix:///run/redis.sock", tls=True)
