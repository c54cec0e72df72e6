"""What would be missed is said, and nothing else."""

from __future__ import annotations

import warnings

import pytest

from perdure.connection_options import (
    HttpConnectProxyConfig,
    KeepAliveConfig,
    RetryConfig,
    TLSConfig,
    refuse_plugins,
    warn_of_missed,
)


def test_an_option_that_would_be_missed_is_named_with_its_cure() -> None:
    with pytest.warns(UserWarning, match="http_connect_proxy_config has no effect .* reached from here"):
        warn_of_missed({"api_key": None, "http_connect_proxy_config": HttpConnectProxyConfig("proxy:80")})


def test_nothing_is_said_of_what_nobody_misses() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_missed({"api_key": None, "retry_config": RetryConfig()})


def test_the_defaults_are_those_of_temporalio() -> None:
    assert KeepAliveConfig.default == KeepAliveConfig(30_000, 15_000)
    assert TLSConfig().client_cert is None


def test_plugins_are_not_left_out_in_silence() -> None:
    refuse_plugins([])
    with pytest.raises(ValueError, match="no plugins here, and object would be missed: give what they bring"):
        refuse_plugins([object()])
