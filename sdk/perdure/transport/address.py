"""Where a cluster is when users say nothing: the Valkey that `perdure dev` starts."""

from __future__ import annotations

DEFAULT_PORT = 7419
"""Away from 6379, which another Redis may hold."""

DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
"""Where clients and workers look, and where `perdure dev` listens."""


def with_tls(address: str) -> str:
    """The same address, to be reached encrypted.

    Raises:
        ValueError: a socket of this machine, which has no encryption.
    """
    scheme, _, rest = address.strip().rpartition("://")
    protocol, plus, mode = (scheme or "redis").partition("+")
    if protocol == "redis":
        return f"rediss{plus}{mode}://{rest}"
    if protocol == "rediss":
        return address
    raise ValueError(f"tls=True does not go with a {scheme}:// address; leave it out, or give host:port")
