"""How clients and workers reach a cluster: one address, requests out, replies in."""

from perdure.transport.address import DEFAULT_ADDRESS, DEFAULT_PORT
from perdure.transport.environment import Environment, RealEnvironment
from perdure.transport.opening import open_transport
from perdure.transport.transport import TIMEOUT_S, Transport, default_identity
from perdure.transport.unanswered import OnReply, Reply

__all__ = [
    "DEFAULT_ADDRESS",
    "DEFAULT_PORT",
    "TIMEOUT_S",
    "Environment",
    "OnReply",
    "RealEnvironment",
    "Reply",
    "Transport",
    "default_identity",
    "open_transport",
]
