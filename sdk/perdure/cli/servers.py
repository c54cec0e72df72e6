"""`perdure dev`, `engine`, `db migrate`, `demo`: what lives above the SDK and is found as an extension."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import duration
from perdure.cli.options import json_option, log_level_option, postgres_option
from perdure.cli.output import console, note, print_json
from perdure.extensions import load_extension
from perdure.transport import DEFAULT_PORT

DATA_DIR = Path(".perdure")


@click.command()
@click.option(
    "--data-dir",
    envvar="PERDURE_DATA_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=DATA_DIR,
    show_default=True,
    show_envvar=True,
    help="Where all state is kept; it survives a restart.",
)
@click.option(
    "--port",
    envvar="PERDURE_PORT",
    type=click.IntRange(1, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    show_envvar=True,
    help="Port of its Valkey on 127.0.0.1: the address for clients and workers.",
)
@json_option
@log_level_option("warning")
def dev(data_dir: Path, port: int, as_json: bool) -> None:
    """Run a whole cluster on this machine: Postgres, Valkey, an engine. Ctrl-C stops it all."""
    run_dev = load_extension("dev")

    def ready(address: str) -> None:
        if as_json:
            print_json({"address": address, "data_dir": str(data_dir.resolve())})
        else:
            out = console()
            out.print(f"Perdure is ready at {address}", style="bold green", markup=False)
            out.print(f"  data        {data_dir.resolve()}", markup=False)
            out.print(f"  a worker    perdure worker MODULE --task-queue QUEUE{_address_option(port)}", markup=False)
            out.print(f"  look        perdure workflow list{_address_option(port)}", markup=False)
            out.print("Ctrl-C stops it; the state stays.")
        sys.stdout.flush()

    run_dev(data_dir, port, on_step=_ignore if as_json else note, on_ready=ready)


@click.command()
@postgres_option
@click.option(
    "--redis",
    "redis_url",
    envvar="PERDURE_REDIS_URL",
    required=True,
    show_envvar=True,
    metavar="URL",
    help="The Redis or Valkey that clients and workers use: host:port or a URL.",
)
@click.option(
    "--visibility-timeout",
    type=duration,
    default="30s",
    show_default=True,
    help="How long a task may be held by a worker that has gone silent.",
)
@json_option
@log_level_option("info")
def engine(postgres_dsn: str, redis_url: str, visibility_timeout: timedelta, as_json: bool) -> None:
    """Run an engine. Run two or more on the same servers, and each takes over from the others."""
    run_engine = load_extension("engine")

    def ready(address: str) -> None:
        if as_json:
            print_json({"address": address})
        else:
            console().print(f"The engine is ready; the cluster's address is {address}", markup=False)
        sys.stdout.flush()

    run_engine(postgres_dsn, redis_url, visibility_timeout=visibility_timeout, on_ready=ready)


@click.group(cls=CommandGroup)
def db() -> None:
    """Look after the database."""


@db.command()
@postgres_option
@click.option(
    "--shards",
    type=click.IntRange(1, 4096),
    default=16,
    show_default=True,
    help="Shards of a new cluster; fixed from its first migration on.",
)
@click.option(
    "--finish",
    is_flag=True,
    help="End an upgrade: take away what only earlier versions needed. Refused while one of their engines runs.",
)
@json_option
@log_level_option("warning")
def migrate(postgres_dsn: str, shards: int, finish: bool, as_json: bool) -> None:
    """Bring the database up to date. Safe to run twice, and by several at once.

    To upgrade without a pause: run this, replace the engines one by one, then run it again with --finish.
    """
    taken, waiting = load_extension("migrate")(postgres_dsn, shards, finish=finish)
    if as_json:
        print_json({"steps": taken, "waiting": waiting})
        return
    lines = ["The database is up to date. Steps taken:", *(f"  {step}" for step in taken)]
    if not taken:
        lines = ["The database was up to date."]
    if waiting:
        lines.append("When the last engine of an earlier version has stopped, run this with --finish. It will take:")
        lines.extend(f"  {step}" for step in waiting)
    console().print("\n".join(lines), markup=False)


@click.command()
@click.option("--runs", type=click.IntRange(min=1), default=1000, show_default=True, help="Agents of the fan-out.")
@json_option
@log_level_option("error")
def demo(runs: int, as_json: bool) -> None:
    """Play the demo: a fan-out, a saga, a killed worker, on servers of its own."""
    sys.exit(load_extension("demo")(runs=runs, json_output=as_json))


def _address_option(port: int) -> str:
    return "" if port == DEFAULT_PORT else f" --address 127.0.0.1:{port}"


def _ignore(_text: str) -> None:
    """Steps are for people."""
