"""Certificates in memory become files that connections are told of."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from perdure.client import TLSConfig
from perdure.transport.certificates import with_certificates


def test_each_certificate_is_an_option_of_the_address() -> None:
    url = with_certificates("redis.example:6380?ssl_min_version=771", TLSConfig(b"ca", None, b"cert", b"key"))
    assert url.startswith("rediss://redis.example:6380?ssl_min_version=771&")
    options = {name: Path(value) for name, (value,) in parse_qs(urlsplit(url).query).items()}
    assert [options[name].read_bytes() for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")] == [
        b"ca",
        b"cert",
        b"key",
    ]
    assert options["ssl_keyfile"].parent.stat().st_mode & 0o077 == 0


def test_without_certificates_the_address_is_only_encrypted() -> None:
    assert with_certificates("h:1", TLSConfig()) == "rediss://h:1"
    assert with_certificates("h:1", True) == "rediss://h:1"
    assert with_certificates("h:1", False) == "h:1"


@pytest.mark.parametrize(
    ("tls", "complaint"),
    [
        (TLSConfig(client_cert=b"c"), "go together"),
        (TLSConfig(domain="d"), "domain"),
        (TLSConfig(server_root_ca_cert=b"c", verification_server_name="d"), "verification_server_name"),
        (TLSConfig(server_root_ca_cert="text"), "bytes"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_had_is_named(tls: TLSConfig, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        with_certificates("h:1", tls)
