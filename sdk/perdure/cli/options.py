"""Options that several commands share, and what they become: a client, a logging set-up."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import click

from perdure.cli.output import note
from perdure.client import Client
from perdure.protocol.ids import DEFAULT_NAMESPACE
from perdure.transport import DEFAULT_ADDRESS, TIMEOUT_S

P = ParamSpec("P")
T = TypeVar("T")
Command = Callable[..., Any]

SILENCE_S = 3.0
"""Seconds without a word from any engine after which a command says so: well above the slowest healthy answer."""

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

address_option = click.option(
    "--address",
    envvar="PERDURE_ADDRESS",
    default=DEFAULT_ADDRESS,
    show_default=True,
    show_envvar=True,
    help="The cluster: host:port or URL of its Redis or Valkey.",
)
namespace_option = click.option(
    "--namespace", envvar="PERDURE_NAMESPACE", default=DEFAULT_NAMESPACE, show_default=True, show_envvar=True
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
run_id_option = click.option("--run-id", help="One run of the workflow; by default the open one, or the latest.")
input_option = click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="JSON",
    help="An argument, as JSON, or @file, or @- for standard input. Repeat it for several arguments.",
)
postgres_option = click.option(
    "--postgres",
    "postgres_dsn",
    envvar="PERDURE_POSTGRES_DSN",
    required=True,
    show_envvar=True,
    metavar="DSN",
    help="The database: postgresql://user@host/name, of Postgres or CockroachDB.",
)


def log_level_option(default: str) -> Callable[[Command], Command]:
    """`--log-level`, which takes effect as soon as it is read."""

    def set_level(_context: click.Context, _parameter: click.Parameter, level: str) -> str:
        set_up_logging(level)
        return level

    return click.option(
        "--log-level",
        envvar="PERDURE_LOG_LEVEL",
        type=click.Choice(LOG_LEVELS, case_sensitive=False),
        default=default,
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=set_level,
        help="What to log to standard error.",
    )


def set_up_logging(level: str) -> None:
    """Log to standard error; never to standard output, which is for results."""
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=LOG_FORMAT, force=True)


def connection_options(command: Command) -> Command:
    """`--address`, `--namespace`, `--json` and `--log-level`: what each client command takes."""
    for option in (log_level_option("warning"), json_option, namespace_option, address_option):
        command = option(command)
    return command


def with_client(address: str, namespace: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, do the work, close.

    Raises:
        What `Client.connect` and the work raise.
    """

    async def connected() -> T:
        async with await Client.connect(address, namespace=namespace) as client:
            noticing = asyncio.create_task(_notice_silence(client))
            try:
                return await work(client)
            finally:
                noticing.cancel()

    return asyncio.run(connected())


async def _notice_silence(client: Client) -> None:
    """Say early what the error at the end of a long wait would say: Redis answers, and no engine does."""
    await asyncio.sleep(SILENCE_S)
    transport = client.transport
    if transport.is_unheard:
        note(
            f"Redis answers at {transport.address}, but no engine does so far; waiting for {TIMEOUT_S:.0f} s in all. "
            "Check that one runs (`perdure dev`, or `perdure engine --redis ...`), and that its database is up."
        )
