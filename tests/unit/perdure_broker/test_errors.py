"""What errors of the server and the driver become, and that no message holds a password."""

from __future__ import annotations

import pytest
import redis.exceptions

from perdure_broker import errors
from perdure_broker.address import parse_address
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_broker.wire import ConnectionLost, ReplyError

ADDRESS = parse_address("redis://me:secret@h:1")


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        ("OOM command not allowed", BrokerUnavailable, "out of memory"),
        ("LOADING Redis is loading", BrokerUnavailable, "loading"),
        ("READONLY You can't write", BrokerUnavailable, "read-only"),
        ("MOVED 1 h:2", BrokerUnavailable, "does not own"),
        ("NOGROUP No such key 'k'", BrokerUnavailable, "again and again"),
        ("UNBLOCKED force unblock", BrokerUnavailable, "changes its role"),
        ("NOAUTH Authentication required.", WrongConfiguration, "user and password"),
        ("ERR invalid password", WrongConfiguration, "user and password"),
        ("WRONGTYPE Operation against a key", errors.UnexpectedReply, "WRONGTYPE"),
    ],
)
def test_replies_by_what_the_caller_must_do(reply: str, kind: type[Exception], said: str) -> None:
    error = errors.from_reply(ReplyError(reply), ADDRESS)
    assert type(error) is kind
    assert said in str(error)
    assert "redis://h:1" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (redis.exceptions.AuthenticationError("no"), WrongConfiguration, "user and password"),
        (redis.exceptions.InvalidResponse("x"), WrongConfiguration, "Redis protocol"),
        (redis.exceptions.TimeoutError("x"), BrokerUnavailable, "no answer"),
        (TimeoutError(), BrokerUnavailable, "no answer"),
        (redis.exceptions.ConnectionError("Error 111 connecting to h:1. refused."), BrokerUnavailable, "h:1. refused"),
        (ConnectionRefusedError("refused"), BrokerUnavailable, "refused"),
        (OSError(), BrokerUnavailable, "OSError"),
        (redis.exceptions.ResponseError("LOADING data"), BrokerUnavailable, "loading"),
        (redis.exceptions.DataError("x"), BrokerUnavailable, "cannot use"),
        (ConnectionLost("gone"), BrokerUnavailable, "gone"),
    ],
)
def test_driver_errors(error: Exception, kind: type[Exception], said: str) -> None:
    mapped = errors.from_driver(error, ADDRESS)
    assert type(mapped) is kind
    assert said in str(mapped)
    assert "redis://h:1" in str(mapped)
    assert "secret" not in str(mapped)


def test_what_was_mapped_stays() -> None:
    error = BrokerUnavailable("x")
    assert errors.from_driver(error, ADDRESS) is error


def test_a_wrong_server_is_left() -> None:
    assert errors.must_leave(ReplyError("READONLY replica"))
    assert errors.must_leave(ReplyError("UNBLOCKED force unblock from blocking operation, instance state changed"))
    assert not errors.must_leave(ReplyError("OOM full"))
    assert not errors.must_leave(ReplyError("MOVED 1 h:2"))


def test_keys_that_have_moved() -> None:
    assert errors.is_moved(ReplyError("MOVED 1 h:2"))
    assert errors.is_moved(ReplyError("CLUSTERDOWN Hash slot not served"))
    assert not errors.is_moved(ReplyError("ASK 1 h:2"))
    assert not errors.is_moved(b"MOVED 1 h:2")


@pytest.mark.parametrize(
    ("reply", "target"),
    [
        (ReplyError("ASK 3999 127.0.0.1:6381"), ("127.0.0.1", 6381)),
        (ReplyError("ASK 3999 :6381"), ("", 6381)),
        (ReplyError("ASK 3999 ::1:6381"), ("::1", 6381)),
        (ReplyError("MOVED 3999 127.0.0.1:6381"), None),
        (b"ASK 3999 127.0.0.1:6381", None),
    ],
)
def test_keys_that_are_being_moved(reply: object, target: tuple[str, int] | None) -> None:
    assert errors.asked_elsewhere(reply) == target
