"""What `temporalio` downloads and starts its servers by: accepted, without effect, since nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypedDict

from perdure.connection_options import RetryConfig
from perdure.runtime import Runtime


class ServerOptions(TypedDict, total=False):
    """Of any of its servers."""

    retry_config: RetryConfig | None
    rpc_metadata: Mapping[str, str | bytes]
    download_dest_dir: str | None
    runtime: Runtime | None


class TimeSkippingOptions(ServerOptions, total=False):
    """Of the one that skips time."""

    port: int | None
    test_server_existing_path: str | None
    test_server_download_version: str
    test_server_extra_args: Sequence[str]
    test_server_download_ttl: timedelta | None
    test_server_startup_timeout: timedelta | None


class DevServerOptions(ServerOptions, total=False):
    """Of the local one."""

    tls: bool
    ip: str
    ui: bool
    ui_port: int | None
    dev_server_existing_path: str | None
    dev_server_database_filename: str | None
    dev_server_log_format: str
    dev_server_log_level: str | None
    dev_server_download_version: str
    dev_server_extra_args: Sequence[str]
    dev_server_download_ttl: timedelta | None
    dev_server_startup_timeout: timedelta | None


def check_names(call: str, given: Mapping[str, object], known: type) -> None:
    """Refuse a keyword that nobody knows: it is misspelled.

    Raises:
        TypeError: as Python raises for any other function.
    """
    for name in given:
        if name not in known.__annotations__:
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
