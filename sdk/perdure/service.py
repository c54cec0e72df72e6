"""What a call to the cluster raises when it is not answered as asked. Names and numbers are those of gRPC statuses."""

from __future__ import annotations

from enum import IntEnum

from perdure.connection_options import (
    DnsLoadBalancingConfig,
    GrpcCompression,
    HttpConnectProxyConfig,
    KeepAliveConfig,
    RetryConfig,
    TLSConfig,
)
from perdure.exceptions import PerdureError

__all__ = [
    "DnsLoadBalancingConfig",
    "GrpcCompression",
    "HttpConnectProxyConfig",
    "KeepAliveConfig",
    "RPCError",
    "RPCStatusCode",
    "RetryConfig",
    "TLSConfig",
]


class RPCStatusCode(IntEnum):
    """gRPC's status codes; not all are in use."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RPCError(PerdureError):
    """A request was refused, or had no reply in time. The message says what was wrong and what to do.

    Attributes:
        message: The text.
        status: What kind of refusal it was: `UNAVAILABLE` (nothing at the address answers), `DEADLINE_EXCEEDED` (no
            engine replied in time; the request may still take effect), `NOT_FOUND`, `INVALID_ARGUMENT`, ...
    """

    message: str
    status: RPCStatusCode

    def __init__(self, message: str, status: RPCStatusCode) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
