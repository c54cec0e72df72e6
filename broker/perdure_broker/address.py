"""The address of a server: what users write, what redis-py takes, and what a message may show.

Role: `redis://`, `rediss://` (TLS), `unix://`, and plain `host:port`. A shown address never holds a user or password.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORT = 6379

SCHEMES = ("redis", "rediss", "unix")


class Address(NamedTuple):
    """`url` is for redis-py and may hold a password; `shown` is for people."""

    url: str
    shown: str

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: not one of the accepted forms.
    """
    text = text.strip()
    if not text:
        raise ValueError("the address is empty; write redis://host:6379 or host:port")
    if "://" not in text:
        text = f"redis://{text}"
    scheme = text.partition("://")[0]
    if scheme not in SCHEMES:
        raise ValueError(
            f"unknown scheme {scheme!r} in the address; allowed are redis://, rediss://, unix://, host:port"
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the address has no valid port; write redis://host:6379 or host:port") from None
    if scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("the address names no socket; write unix:///path/to/socket")
        return Address(text, f"unix://{parts.path}")
    if not host:
        raise ValueError("the address names no host; write redis://host:6379 or host:port")
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("what follows the port must be the number of a database, as in redis://host:6379/0")
    shown_host = f"[{host}]" if ":" in host else host
    return Address(text, f"{scheme}://{shown_host}:{port or DEFAULT_PORT}{parts.path.rstrip('/')}")
