"""The engine as the command line calls it: plain arguments in, errors that users understand out.

Role: the entry points `engine` and `migrate` of the group `perdure.extensions`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta

from perdure.exceptions import RequestError
from perdure_broker.address import parse_address
from perdure_broker.port import BrokerUnavailable, WrongConfiguration
from perdure_engine import main
from perdure_store.port import StoreError, StoreUnavailable

_POSTGRES_HINT = "The address comes from --postgres or PERDURE_POSTGRES_DSN."
_REDIS_HINT = "Check that the server runs; its address comes from --redis or PERDURE_REDIS_URL."


def run_engine(
    postgres_dsn: str, redis_url: str, *, visibility_timeout: timedelta, on_ready: Callable[[str], None]
) -> None:
    """Run an engine until SIGINT or SIGTERM. `on_ready` is given the address for clients, without its password.

    Raises:
        RequestError: a server cannot be used; says which and what to do.
        ValueError: not an address.
    """
    shown = parse_address(redis_url).shown
    milliseconds = round(visibility_timeout.total_seconds() * 1000)
    config = main.EngineConfig(postgres_dsn, redis_url, visibility_timeout_ms=milliseconds)
    with explained():
        main.run_engine(config, ready=lambda: on_ready(shown))


def run_migrate(postgres_dsn: str, shard_count: int, *, finish: bool) -> tuple[list[str], list[str]]:
    """Bring the database up to date. Returns the steps taken, and those that wait for `finish`.

    Raises:
        RequestError: the database cannot be used; says what to do.
    """
    with explained():
        return main.run_migrate(postgres_dsn, shard_count, finish=finish)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what store and broker raise at the start into the command line's own kind of error."""
    try:
        yield
    except StoreUnavailable as error:
        raise RequestError(f"{error}\n{_POSTGRES_HINT}") from None
    except BrokerUnavailable as error:
        raise RequestError(f"{error}\n{_REDIS_HINT}") from None
    except (StoreError, WrongConfiguration) as error:
        raise RequestError(str(error)) from error
