"""Whose key a command touches, read from its bytes. Finding servers: `tests/integration/test_redis_deployments.py`."""

from __future__ import annotations

import pytest

from perdure_broker import scripts
from perdure_broker.address import parse_address
from perdure_broker.keys import Keys
from perdure_broker.port import StreamKind, TaskStream
from perdure_broker.servers import find_servers, key_of
from perdure_broker.wire import pack

STREAM = Keys().queue(TaskStream("default", "STREAMS", StreamKind.WORKFLOW))


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (pack(b"XADD", b"key", b"*", b"d", b"STREAMS"), b"key"),
        (pack(b"GET", b""), b""),
        (pack(b"SET", "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel", 1), b"schl\xc3\xbcssel"),
        (pack(b"XREAD", b"COUNT", 1, b"BLOCK", 5, b"STREAMS", b"a", b"b", b"0", b"0"), b"a"),
        (pack(b"XREADGROUP", b"GROUP", b"g", b"STREAMS", b"COUNT", 1, b"NOACK", b"STREAMS", b"a", b">"), b"a"),
        (scripts.FINISH.call(STREAM[:3], (1, 1, b"1-1")), STREAM.stream),
        (pack(b"INFO", b"SERVER"), None),
        (pack(b"CLIENT", b"UNBLOCK", 7), None),
        (scripts.LOAD_ALL[0], None),
    ],
)
def test_the_key_of_a_command(command: bytes, key: bytes | None) -> None:
    assert key_of(command) == key


async def test_one_server_holds_everything() -> None:
    address = parse_address("redis://h:1")
    servers = find_servers(address)
    servers.forget()
    await servers.learn()
    assert servers.known
    assert servers.sole == servers.find(pack(b"GET", b"a")) == address
    assert list(servers.everyone()) == [address]


@pytest.mark.parametrize("text", ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/service"])
def test_several_servers_are_found_by_asking(text: str) -> None:
    servers = find_servers(parse_address(text))
    assert not servers.known
    assert servers.sole is None
