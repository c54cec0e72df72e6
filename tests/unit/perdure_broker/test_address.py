"""Addresses: the accepted forms, what refusals say, and that no password is shown."""

from __future__ import annotations

import pytest

from perdure_broker.address import Mode, parse_address


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
        ("redis://a:1,b:2", "several hosts"),
        ("redis://h?db=x", "option"),
        ("redis://h?colour=blue", "'colour'"),
        ("redis+cluster://", "names no host"),
        ("redis+cluster://a:1,", "an empty one"),
        ("redis+cluster://a:x,b:1", "no valid port"),
        ("redis+cluster://a:1/2", "no database but 0"),
        ("redis+cluster://a:1?db=2", "no database but 0"),
        ("redis+cluster://a:1?colour=blue", "'colour'"),
        ("redis+sentinel://a:1", "names no service"),
        ("redis+sentinel://a:1/", "names no service"),
        ("redis+sentinel://a:1/service/name", "number of a database"),
        ("redis+ring://a:1", "unknown scheme 'redis\\+ring'"),
    ],
)
def test_refused_forms_say_what_is_allowed(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_address(text)


def test_a_cluster_names_nodes_to_ask_first() -> None:
    address = parse_address("redis+cluster://me:s%40cret@a:1,[::1]:2,c?socket_keepalive=yes")
    assert (address.mode, address.shown) == (Mode.CLUSTER, "redis+cluster://a:1,[::1]:2,c:6379")
    assert [member.shown for member in address.members] == ["redis://a:1", "redis://[::1]:2", "redis://c:6379"]
    assert address.members[1].url == "redis://me:s%40cret@[::1]:2?socket_keepalive=yes"
    assert address.members[1].host == "::1"


def test_sentinels_name_a_service_and_have_a_user_of_their_own() -> None:
    address = parse_address(
        "rediss+sentinel://me:secret@a,b:5/orders/3?sentinel_username=watch&sentinel_password=s%2Fecret&ssl_check_hostname=no"
    )
    assert (address.mode, address.service) == (Mode.SENTINEL, "orders")
    assert address.shown == "rediss+sentinel://a:26379,b:5/orders/3"
    assert [member.shown for member in address.members] == ["rediss://a:26379", "rediss://b:5"]
    assert address.members[0].url == "rediss://watch:s%2Fecret@a:26379?ssl_check_hostname=no"
    master = address.at("10.0.0.1", 6379)
    assert master.url == "rediss://me:secret@10.0.0.1:6379/3?ssl_check_hostname=no"
    assert (master.mode, master.shown) == (Mode.SERVER, "rediss://10.0.0.1:6379/3")


def test_sentinels_need_no_user() -> None:
    (sentinel,) = parse_address("redis+sentinel://me:secret@a/orders").members
    assert sentinel.url == "redis://a:26379"


@pytest.mark.parametrize(
    "form", ["redis+cluster://me:secret@a:1,b:2", "redis+sentinel://me:secret@a:1/s?sentinel_password=secret"]
)
def test_an_address_of_several_servers_shows_no_secret(form: str) -> None:
    address = parse_address(form)
    for shown in (repr(address), str(address), address.shown, repr(address.members), repr(address.at("h", 1))):
        assert "secret" not in shown


@pytest.mark.parametrize(
    "form",
    [
        "redis://me:secret@h:nonsense",
        "redis+cluster://me:secret@h:nonsense",
        "redis+cluster://me:secret@a:1,me:secret@b:1",
        "redis+sentinel://me:secret@a:1",
        "redis+sentinel://a:1/s?sentinel_password=secret&db=secret",
        "redis://h?password=secret&colour=secret",
    ],
)
def test_a_password_is_in_no_message(form: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        parse_address(form)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
