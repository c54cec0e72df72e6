"""What `Client.connect` may be told about a connection, by the names of `temporalio`; they are public in
`perdure.service` and `perdure.client`.

Role: certificates are used; the rest belongs to gRPC, of which there is none here, and is accepted so that programs run
as they are. What would be missed when it is ignored is said once, by a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class TLSConfig:
    """Certificates of a connection, each the contents of a PEM file. Nothing given: encryption with the certificates
    that the machine trusts.

    Attributes:
        server_root_ca_cert: Who signs the server's certificate, if nobody whom the machine trusts.
        domain: Not available: the certificate must name the host of the address.
        client_cert: What this process proves itself by.
        client_private_key: The key that goes with it.
        verification_server_name: Not available, as `domain`.
    """

    server_root_ca_cert: bytes | None = None
    domain: str | None = None
    client_cert: bytes | None = None
    client_private_key: bytes | None = None
    verification_server_name: str | None = None


@dataclass
class RetryConfig:
    """Has no effect: what a caller waits for is sent again until it is answered, or `rpc_timeout` passed."""

    initial_interval_millis: int = 100
    randomization_factor: float = 0.2
    multiplier: float = 1.5
    max_interval_millis: int = 5000
    max_elapsed_time_millis: int | None = 10000
    max_retries: int = 10


@dataclass(frozen=True)
class KeepAliveConfig:
    """Has no effect: connections are watched in any case."""

    interval_millis: int = 30000
    timeout_millis: int = 15000
    default: ClassVar[KeepAliveConfig]


KeepAliveConfig.default = KeepAliveConfig()


@dataclass(frozen=True)
class HttpConnectProxyConfig:
    """Has no effect, and a warning says so: the address is reached without a proxy."""

    target_host: str
    basic_auth: tuple[str, str] | None = None


@dataclass(frozen=True)
class DnsLoadBalancingConfig:
    """Has no effect: an address names one server, or a Redis Cluster."""

    resolution_interval_millis: int = 30000
    default: ClassVar[DnsLoadBalancingConfig]


DnsLoadBalancingConfig.default = DnsLoadBalancingConfig()


class GrpcCompression:
    """Has no effect: what is large is compressed where it is stored."""

    NONE: ClassVar[GrpcCompression]
    GZIP: ClassVar[GrpcCompression]


GrpcCompression.NONE = GrpcCompression()
GrpcCompression.GZIP = GrpcCompression()

_MISSED = {
    "api_key": "write Redis's user and password into the address: redis://user:password@host:port",
    "http_connect_proxy_config": "the address is reached directly; let it name a host that can be reached from here",
}


def warn_of_missed(given: Mapping[str, Any]) -> None:
    """Say of each option that was given, and would be missed, what to do in its place."""
    for name, cure in _MISSED.items():
        if given.get(name) is not None:
            warnings.warn(f"Client.connect: {name} has no effect with Perdure; {cure}", UserWarning, stacklevel=3)


def refuse_plugins(plugins: Sequence[object]) -> None:
    """Plugins would change what a client or a worker is made of: they are not left out in silence.

    Raises:
        ValueError: there are some.
    """
    if plugins:
        names = ", ".join(type(plugin).__name__ for plugin in plugins)
        raise ValueError(
            f"there are no plugins here, and {names} would be missed: give what they bring as interceptors=, "
            "data_converter=, workflows= and activities="
        )
