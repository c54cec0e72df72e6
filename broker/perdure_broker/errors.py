"""What an error of the server, of redis-py or of the network means to a caller of the broker.

Role: the one place that maps them to `BrokerUnavailable` (try again), `WrongConfiguration` (a person must act) and
`UnexpectedReply` (a bug). Messages name the server and never hold a password.
"""

from __future__ import annotations

import redis.exceptions

from perdure_broker.address import Address
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.wire import ConnectionLost, ReplyError

_PASSING = {
    "LOADING": "is loading its data",
    "READONLY": "is a read-only replica",
    "MASTERDOWN": "is a replica that has lost its master",
    "OOM": "is out of memory (maxmemory); finished work will free some, or raise maxmemory",
    "MISCONF": "refuses writes because it cannot save to disk; its log says why",
    "NOREPLICAS": "refuses writes because it has too few replicas",
    "BUSY": "is busy with a script",
    "CLUSTERDOWN": "belongs to a cluster that is down",
    "TRYAGAIN": "belongs to a cluster that moves these keys",
    "MOVED": "is a node of a cluster that does not own these keys",
    "ASK": "is a node of a cluster that moves these keys",
    "UNKILLABLE": "is busy with a script",
    "NOGROUP": "has lost a stream that was just made, so that it loses its data again and again",
    "UNBLOCKED": "has ended a read, because it changes its role",
}
"""First word of an error reply to what it says of the server."""

_LEAVE = frozenset({"READONLY", "MASTERDOWN", "UNBLOCKED"})
"""Replies of a server that is the wrong one by now: connect again, the address may lead elsewhere."""

_MOVED = frozenset({"MOVED", "CLUSTERDOWN"})
"""Replies after which the map of a cluster must be learnt anew."""

_REFUSED = frozenset({"NOAUTH", "WRONGPASS", "NOPERM", "DENIED"})


class UnexpectedReply(RuntimeError):
    """The server answered a command of ours with an error that has no place there: a bug, or a foreign key of ours."""


def code_of(error: ReplyError) -> str:
    """The first word of an error reply, which names its kind."""
    return str(error).partition(" ")[0]


def must_leave(error: ReplyError) -> bool:
    """Whether the connection should be opened anew."""
    return code_of(error) in _LEAVE


def is_moved(reply: object) -> bool:
    """Whether a node of a cluster says that another one owns these keys by now, or that nobody does."""
    return type(reply) is ReplyError and code_of(reply) in _MOVED


def asked_elsewhere(reply: object) -> tuple[str, int] | None:
    """Host (empty: the same) and port of the node to which a slot is being moved, which is to be asked for once."""
    if type(reply) is not ReplyError or code_of(reply) != "ASK":
        return None
    host, _, port = str(reply).split(" ")[2].rpartition(":")
    return host, int(port)


def from_reply(error: ReplyError, address: Address) -> Exception:
    """The exception to raise for an error reply."""
    code = code_of(error)
    if code in _PASSING:
        return BrokerUnavailable(f"the server at {address.shown} {_PASSING[code]}")
    if code in _REFUSED or "invalid password" in str(error).lower():
        return WrongConfiguration(f"the server at {address.shown} refuses access: {error}. Check user and password.")
    return UnexpectedReply(f"the server at {address.shown} answered: {error}")


def from_lost(error: ConnectionLost, address: Address) -> BrokerUnavailable:
    """For a connection that ended, or stayed silent."""
    return BrokerUnavailable(f"lost the server at {address.shown}: {error}")


def from_driver(error: Exception, address: Address) -> Exception:
    """For an error of redis-py or the network while connecting, or on a blocking connection."""
    if isinstance(error, BrokerUnavailable | WrongConfiguration):
        return error
    if isinstance(error, ConnectionLost):
        return from_lost(error, address)
    if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.NoPermissionError):
        return WrongConfiguration(f"the server at {address.shown} refuses access: {error}. Check user and password.")
    if isinstance(error, redis.exceptions.InvalidResponse):
        return WrongConfiguration(f"what listens at {address.shown} does not speak the Redis protocol")
    if isinstance(error, redis.exceptions.TimeoutError | TimeoutError):
        return BrokerUnavailable(f"no answer from {address.shown} in time; is it a Redis or Valkey server?")
    if isinstance(error, redis.exceptions.ConnectionError | OSError):
        return BrokerUnavailable(f"cannot reach a server at {address.shown}: {_without_prefix(error)}")
    if isinstance(error, redis.exceptions.ResponseError):
        return from_reply(ReplyError(str(error)), address)
    return BrokerUnavailable(f"cannot use the server at {address.shown}: {error}")


def _without_prefix(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text.rpartition("connecting to ")[2] if "connecting to " in text else text or type(error).__name__
