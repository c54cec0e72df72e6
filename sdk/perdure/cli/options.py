"""Options that several commands share, and what they become: a client, a logging set-up."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

import click

from perdure.cli.definitions import load_data_converter
from perdure.cli.output import note
from perdure.client import Client
from perdure.converter import DataConverter
from perdure.protocol.ids import DEFAULT_NAMESPACE
from perdure.transport import DEFAULT_ADDRESS, TIMEOUT_S

P = ParamSpec("P")
T = TypeVar("T")
Command = Callable[..., Any]

SILENCE_S = 3.0
"""Seconds without a word from any engine after which a command says so: well above the slowest healthy answer."""

_CONVERTER = "perdure.data_converter"
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
data_converter_option = click.option(
    "--data-converter",
    envvar="PERDURE_DATA_CONVERTER",
    metavar="MODULE[:NAME]",
    show_envvar=True,
    expose_value=False,
    callback=lambda context, _parameter, target: _take_data_converter(context, target),
    help="What converts and decrypts values: the DataConverter that a module or file calls NAME, or data_converter.",
)
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


def _take_data_converter(context: click.Context, target: str | None) -> None:
    if target:
        context.meta[_CONVERTER] = load_data_converter(target)


def connection_options(command: Command) -> Command:
    """`--address`, `--namespace`, `--data-converter`, `--json` and `--log-level`: what each client command takes."""
    options = (log_level_option("warning"), json_option, data_converter_option, namespace_option, address_option)
    for option in options:
        command = option(command)
    return command


def with_client(address: str, namespace: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Connect, do the work, close.

    Raises:
        What `Client.connect` and the work raise.
    """

    context = click.get_current_context(silent=True)
    converter = DataConverter.default if context is None else context.meta.get(_CONVERTER, DataConverter.default)

    async def connected() -> T:
        async with await Client.connect(address, namespace=namespace, data_converter=converter) as client:
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


def choice(members: Any) -> click.Choice[str]:
    """The members of an enumeration, as a user types them."""
    return click.Choice([member.name.lower().replace("_", "-") for member in members if int(member)])


def member(kind: Any, chosen: str) -> Any:
    """What `choice` let the user choose."""
    return kind[chosen.upper().replace("-", "_")]
