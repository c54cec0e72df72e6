"""Addresses: the accepted forms, what refusals say, and that no password is shown."""

from __future__ import annotations

import pytest

from perdure_broker.address import parse_address


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("localhost:6380", "redis://localhost:6380", "redis://localhost:6380"),
        ("localhost", "redis://localhost", "redis://localhost:6379"),
        (" redis://h:1/2 ", "redis://h:1/2", "redis://h:1/2"),
        ("redis://me:secret@h:1", "redis://me:secret@h:1", "redis://h:1"),
        ("rediss://h", "rediss://h", "rediss://h:6379"),
        ("[::1]:7", "redis://[::1]:7", "redis://[::1]:7"),
        ("unix:///run/v.sock?password=secret", "unix:///run/v.sock?password=secret", "unix:///run/v.sock"),
    ],
)
def test_accepted_forms(text: str, url: str, shown: str) -> None:
    address = parse_address(text)
    assert (address.url, address.shown) == (url, shown)
    assert "secret" not in repr(address)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("http://h:1", "unknown scheme 'http'"),
        ("redis://:1", "names no host"),
        ("h:port", "no valid port"),
        ("h:99999", "no valid port"),
        ("unix://", "names no socket"),
        ("redis://h:1/name", "number of a database"),
    ],
)
def test_refused_forms_say_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_address(text)


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(ValueError, match="valid port") as caught:
        parse_address("redis://me:secret@h:nonsense")
    assert "secret" not in str(caught.value)
