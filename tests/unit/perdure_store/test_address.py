"""Addresses: parsed once, shown without their password."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from perdure_store.address import Address
from perdure_store.port import StoreError


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://me:secret@db.example:6432/main", "the database 'main' at db.example:6432"),
        ("postgresql://me@/main?host=/run/pg", "the database 'main' at /run/pg"),
        ("host=a,b port=1,2 dbname=main password=secret", "the database 'main' at a,b:1,2"),
        ("postgresql://me:secret@db.example", "the database 'me' at db.example:5432"),
        ("", "the database '' at localhost:5432"),
    ],
)
def test_what_is_shown(dsn: str, shown: str) -> None:
    assert str(Address(dsn)) == repr(Address(dsn)) == shown


def test_what_the_address_says_wins_over_our_defaults() -> None:
    parts = conninfo_to_dict(Address("postgresql://me:s%40crt@h/d?connect_timeout=9").conninfo("perdure commit"))
    assert parts["connect_timeout"] == "9"
    assert parts["keepalives_idle"] == "5"
    assert parts["password"] == "s@crt"
    assert parts["application_name"] == "perdure commit"


@pytest.mark.parametrize("dsn", ["me:secret@host", "host=h secret", "postgresql://me:se%cret@h/d"])
def test_an_unreadable_address_is_not_repeated(dsn: str) -> None:
    with pytest.raises(StoreError, match="percent-encoded") as caught:
        Address(dsn)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
