"""The address of a deployment of Redis or Valkey: what users write, what redis-py takes, and what a message may show.

Role: reads
- one server: `redis://host:port/db`, `rediss://` (TLS), `unix://path`, plain `host:port`;
- Sentinels: `redis+sentinel://host:port,host:port/service/db`, `rediss+sentinel://`;
- a Redis Cluster: `redis+cluster://host:port,host:port`, `rediss+cluster://`.

User and password stand once, before the first host, and are the data servers'; those of the Sentinels are the options
`sentinel_username` and `sentinel_password`. This is the grammar of other libraries of the field. A shown address never
holds a user, a password or an option, and no message does.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from redis.asyncio import ConnectionPool

DEFAULT_PORT = 6379
DEFAULT_SENTINEL_PORT = 26379

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")

_FORMS = "redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// (rediss+... for TLS), host:port"
_SENTINEL_FORM = "redis+sentinel://host:26379,host:26379/service"
_CLUSTER_FORM = "redis+cluster://host:6379,host:6379"
_SERVER_FORM = "redis://host:6379 or host:port"


class Mode(Enum):
    """What an address names."""

    SERVER = "server"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(NamedTuple):
    """Where a deployment is.

    Attributes:
        url: for redis-py, may hold a password. Of Sentinels and clusters: how to reach one of their servers, but for
            its host and port (`at`).
        shown: for people.
        mode: what it names.
        members: the Sentinels, or the nodes of the cluster that are asked first.
        service: the name of what the Sentinels watch.
    """

    url: str
    shown: str
    mode: Mode = Mode.SERVER
    members: tuple[Address, ...] = ()
    service: str = ""

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def host(self) -> str:
        """The host of one server; empty for a socket."""
        return urlsplit(self.url).hostname or ""

    def at(self, host: str, port: int) -> Address:
        """The address of one server of this deployment: same encryption, user, database and options."""
        parts = urlsplit(self.url)
        user, at, _ = parts.netloc.rpartition("@")
        place = f"{_bracketed(host)}:{port}"
        url = parts._replace(netloc=f"{user}{at}{place}").geturl()
        return Address(url, f"{parts.scheme}://{place}{parts.path}")


def parse_address(text: str) -> Address:
    """Read an address.

    Raises:
        ValueError: not one of the accepted forms.
    """
    text = text.strip()
    if not text:
        raise ValueError(f"the address is empty; write {_SERVER_FORM}")
    if "://" not in text:
        text = f"redis://{text}"
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise ValueError(f"unknown scheme {scheme!r} in the address; allowed are {_FORMS}")
    scheme, _, mode = scheme.partition("+")
    address = _parse_members(scheme, Mode(mode), rest) if mode else _parse_server(scheme, f"{scheme}://{rest}")
    _check_options(address)
    return address


def _parse_server(scheme: str, text: str) -> Address:
    if scheme != "unix" and "," in text.partition("://")[2].partition("/")[0].rpartition("@")[2]:
        raise ValueError(f"the address names several hosts; write {_CLUSTER_FORM} or {_SENTINEL_FORM}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"the address has no valid port; write {_SERVER_FORM}") from None
    if scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("the address names no socket; write unix:///path/to/socket")
        return Address(text, f"unix://{parts.path}")
    if not host:
        raise ValueError(f"the address names no host; write {_SERVER_FORM}")
    _check_database(parts.path, "redis://host:6379/0")
    return Address(text, f"{scheme}://{_bracketed(host)}:{port or DEFAULT_PORT}{parts.path.rstrip('/')}")


def _parse_members(scheme: str, mode: Mode, rest: str) -> Address:
    """`rest` is what follows `://`. A list of hosts is no netloc that `urlsplit` understands."""
    before_options, _, options = rest.partition("?")
    authority, _, path = before_options.partition("/")
    user, at, hosts = authority.rpartition("@")
    if "@" in user:
        raise ValueError(
            "user and password stand once in the address, before the first host; write an @ within a password as %40"
        )
    is_sentinel = mode is Mode.SENTINEL
    form = _SENTINEL_FORM if is_sentinel else _CLUSTER_FORM
    default_port = DEFAULT_SENTINEL_PORT if is_sentinel else DEFAULT_PORT
    places = [_parse_place(host, default_port, form) for host in hosts.split(",")]
    shown_hosts = ",".join(f"{_bracketed(host)}:{port}" for host, port in places)
    options, sentinel_user = _split_options(options)
    tail = f"?{options}" if options else ""
    if not is_sentinel:
        if path.strip("/") not in ("", "0") or "db" in dict(parse_qsl(options)):
            raise ValueError(f"a cluster has no database but 0; write {_CLUSTER_FORM}")
        server = Address(f"{scheme}://{user}{at}host{tail}", "")
        members = tuple(server.at(*place) for place in places)
        return Address(server.url, f"{scheme}+{mode.value}://{shown_hosts}", mode, members)
    service, _, database = path.strip("/").partition("/")
    if not service:
        raise ValueError(f"the address names no service that the Sentinels watch; write {_SENTINEL_FORM}")
    _check_database(database, f"{_SENTINEL_FORM}/0")
    url = f"{scheme}://{user}{at}host{f'/{database}' if database else ''}{tail}"
    encryption = urlencode([(name, value) for name, value in parse_qsl(options) if name.startswith("ssl_")])
    sentinel = Address(f"{scheme}://{sentinel_user}host{f'?{encryption}' if encryption else ''}", "")
    shown = f"{scheme}+{mode.value}://{shown_hosts}/{path.strip('/')}"
    return Address(url, shown, mode, tuple(sentinel.at(*place) for place in places), unquote(service))


def _parse_place(text: str, default_port: int, form: str) -> tuple[str, int]:
    try:
        parts: SplitResult = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"a host of the address has no valid port; write {form}") from None
    if not host:
        raise ValueError(f"the address names no host, or an empty one; write {form}")
    return host, port or default_port


def _split_options(options: str) -> tuple[str, str]:
    """The options for the data servers, and the user of the Sentinels as it stands before a host."""
    own, others = {"sentinel_username": "", "sentinel_password": ""}, []
    for name, value in parse_qsl(options, keep_blank_values=True):
        if name in own:
            own[name] = value
        else:
            others.append((name, value))
    user, password = (quote(value, safe="") for value in own.values())
    return urlencode(others), f"{user}:{password}@" if user or password else ""


def _check_database(path: str, form: str) -> None:
    if path.strip("/") and not path.strip("/").isdecimal():
        raise ValueError(f"what follows the port must be the number of a database, as in {form}")


def _check_options(address: Address) -> None:
    """Options are redis-py's (`?ssl_ca_certs=...`): let it say whether it knows them, before anything connects."""
    try:
        ConnectionPool.from_url(address.url).make_connection()  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ValueError(f"an option of the address is wrong: {error}") from None
    except TypeError as error:
        name = str(error).rpartition("argument ")[2]
        raise ValueError(
            f"the address has an option that is not known: {name}; the options are those of redis-py's connections, "
            "such as ssl_ca_certs"
        ) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
