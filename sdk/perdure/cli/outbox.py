"""`perdure outbox`: starts that belong to transactions of an application's own database."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import click
import uvloop

from perdure.cli.errors import CommandGroup
from perdure.cli.options import address_option, json_option, log_level_option, namespace_option
from perdure.cli.output import console, note, print_json, table, time_text
from perdure.cli.worker import connect_when_there
from perdure.outbox import OutboxEntry, OutboxRelay, OutboxTable

_postgres_option = click.option(
    "--postgres",
    "postgres_dsn",
    envvar="PERDURE_OUTBOX_DSN",
    required=True,
    show_envvar=True,
    metavar="DSN",
    help="The application's database: postgresql://user@host/name. Its search_path says in which schema the table is.",
)


@click.group(cls=CommandGroup)
def outbox() -> None:
    """Start what transactions of your own database have left in its outbox."""


@outbox.command()
@_postgres_option
@json_option
@log_level_option("warning")
def create(postgres_dsn: str, as_json: bool) -> None:
    """Make the table perdure_outbox. Safe to run twice, and by several at once."""
    asyncio.run(OutboxTable(postgres_dsn).create())
    if as_json:
        print_json({"table": "perdure_outbox"})
    else:
        console().print("The table perdure_outbox is there.")


@outbox.command()
def ddl() -> None:
    """Print the SQL that makes the table, for migrations of your own."""
    click.echo(OutboxTable.ddl(), nl=False)


@outbox.command()
@_postgres_option
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Wait for the cluster, if it cannot be reached yet."
)
@address_option
@namespace_option
@json_option
@log_level_option("info")
def run(postgres_dsn: str, wait: bool, address: str, namespace: str, as_json: bool) -> None:
    """Take what is in the outbox to the cluster, as it is committed. Run two or more: they share the work.

    Each row says its namespace; that of the command does not matter.
    """

    async def work() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        client = await connect_when_there(address, namespace, wait, stop)
        if client is None:
            return
        async with client:
            await OutboxTable(postgres_dsn).entries(limit=1)  # what is wrong there is said before anything else
            if as_json:
                print_json({"identity": client.identity})
            else:
                console().print(f"Starting what is in the outbox, as {client.identity}; Ctrl-C ends it.", markup=False)
            sys.stdout.flush()
            await _until_told(OutboxRelay(client, postgres_dsn), stop)

    uvloop.run(work())


async def _until_told(relay: OutboxRelay, stop: asyncio.Event) -> None:
    working = asyncio.create_task(relay.run())
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await relay.shutdown()
        await working
    finally:
        told.cancel()


@outbox.command(name="list")
@click.option("--refused", is_flag=True, help="Only what was refused for good.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@_postgres_option
@json_option
@log_level_option("warning")
def list_(postgres_dsn: str, refused: bool, limit: int, as_json: bool) -> None:
    """List what has not begun: what was refused first, with the reason, then the oldest first."""
    entries = asyncio.run(OutboxTable(postgres_dsn).entries(limit=limit, refused=refused))
    if as_json:
        print_json([entry._asdict() | {"state": _state(entry)} for entry in entries])
    elif not entries:
        note("Nothing was refused." if refused else "The outbox is empty: all has begun.")
    else:
        columns = "Row", "State", "Kind", "Id", "Type", "Namespace", "Enqueued", "Attempts", "Reason"
        console().print(table(columns, (_cells(entry) for entry in entries)))


@outbox.command()
@click.argument("row_ids", nargs=-1, type=int, metavar="[ROW]...")
@click.option("--all", "everything", is_flag=True, help="All that was refused, or waits for another attempt.")
@_postgres_option
@json_option
@log_level_option("warning")
def retry(row_ids: tuple[int, ...], everything: bool, postgres_dsn: str, as_json: bool) -> None:
    """Try again what was refused, after the reason has been mended: these rows, or --all."""
    if bool(row_ids) == everything:
        raise click.UsageError("say which rows to retry, as `perdure outbox list` shows them, or --all")
    tried = asyncio.run(OutboxTable(postgres_dsn).retry(None if everything else row_ids))
    if as_json:
        print_json({"retried": tried})
        return
    console().print(f"To be tried again: {', '.join(map(str, tried)) or 'nothing'}", markup=False)
    missing = sorted(set(row_ids).difference(tried))
    if missing:
        note(f"Neither refused nor put back: {', '.join(map(str, missing))}. It has begun, or waits for a relay.")


def _state(entry: OutboxEntry) -> str:
    if entry.refused_at is not None:
        return "REFUSED"
    return "WAITING" if entry.due_at is None else "RETRYING"


def _cells(entry: OutboxEntry) -> tuple[Any, ...]:
    return (
        entry.id,
        _state(entry),
        entry.kind,
        entry.execution_id,
        entry.type,
        entry.namespace,
        time_text(entry.enqueued_at),
        entry.attempts,
        entry.reason,
    )
