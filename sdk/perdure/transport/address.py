"""Where a cluster is: the address of its Redis or Valkey, as users write it."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORT = 7419
"""Port of the Valkey that `perdure dev` starts: away from 6379, which another Redis may hold."""

DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
"""Where clients and workers look when they are told nothing."""

_SCHEMES = ("redis", "rediss", "unix", "memory", "redis+sentinel", "rediss+sentinel")


def broker_url(address: str) -> str:
    """The URL behind an address: `host:port` and `host` become `redis://host:port`, a URL stays as it is.

    Raises:
        ValueError: neither of the two; the text says what is allowed.
    """
    text = address.strip()
    if "://" in text:
        scheme = text.split("://", 1)[0]
        if scheme not in _SCHEMES:
            raise ValueError(
                f"address {hide_password(text)!r} has the scheme {scheme!r}; give the cluster's Redis as host:port or "
                "as a redis://, rediss:// or unix:// URL"
            )
        return text
    parts = urlsplit(f"redis://{text}")
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        port = 0
    if not parts.hostname or not port or parts.path or any(letter.isspace() for letter in text):
        raise ValueError(
            f"address {hide_password(text)!r} is not host:port; give the cluster's Redis as, for example, "
            f"{DEFAULT_ADDRESS} or redis://:password@redis.example:6379/0"
        )
    return f"redis://{parts.netloc}" if parts.port else f"redis://{parts.netloc}:{port}"


def hide_password(address: str) -> str:
    """The address as it may be shown in errors and logs."""
    if "@" not in address:
        return address
    parts = urlsplit(address if "://" in address else f"redis://{address}")
    credentials, _, host = parts.netloc.rpartition("@")
    user = credentials.partition(":")[0]
    shown = urlunsplit((parts.scheme, f"{user}:***@{host}", parts.path, "", ""))
    return shown if "://" in address else shown.removeprefix("redis://")
