"""Leases, renewed from a thread of their own.

Role: blocking, with a connection of its own, so that user code which blocks the event loop cannot cost a lease. One
script call a stream checks that each entry is still this worker's before it resets its idle time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from perdure_broker import errors, scripts
from perdure_broker.address import Address, parse_address
from perdure_broker.connection import CALL_TIMEOUT_S, CONNECT_TIMEOUT_S
from perdure_broker.keys import DEFAULT_PREFIX, Keys


class RedisLeases:
    """Implements `port.Leases`. For one thread."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self._address = address
        self._keys = keys
        self._client = redis.Redis.from_url(
            address.url,
            protocol=2,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=CALL_TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
        )

    def renew(self, worker: str, entries: Mapping[bytes, Sequence[bytes]]) -> dict[bytes, list[bytes]]:
        lost: dict[bytes, list[bytes]] = {}
        try:
            for stream, entry_ids in entries.items():
                if self._keys.stream_of(stream) is None:
                    lost[stream] = list(entry_ids)
                elif entry_ids and (gone := self._renew_stream(stream, worker, entry_ids)):
                    lost[stream] = gone
        except (redis.RedisError, OSError) as error:
            raise errors.from_driver(error, self._address) from None
        return lost

    def close(self) -> None:
        self._client.close()

    def _renew_stream(self, stream: bytes, worker: str, entry_ids: Sequence[bytes]) -> list[bytes]:
        script = scripts.RENEW_LEASES
        arguments: tuple[Any, ...] = (1, stream, worker, *entry_ids)
        try:
            lost = self._client.execute_command("EVALSHA", script.digest, *arguments)  # type: ignore[no-untyped-call]
        except redis.exceptions.NoScriptError:
            lost = self._client.execute_command("EVAL", script.source, *arguments)  # type: ignore[no-untyped-call]
        return list(lost)


def open_leases(url: str, *, prefix: str = DEFAULT_PREFIX) -> RedisLeases:
    """Leases on the server at `url` (forms as in `open_broker`). Connects at the first renewal.

    Raises:
        ValueError: the address is malformed.
    """
    return RedisLeases(parse_address(url), Keys(prefix))
