"""`perdure batch`: something done to every workflow that a query finds."""

from __future__ import annotations

from typing import Any

import click

from perdure.cli.errors import CommandFailed, CommandGroup
from perdure.cli.json_input import parse_inputs
from perdure.cli.options import connection_options, input_option, with_client
from perdure.cli.output import console, facts, note, print_json, table, time_text
from perdure.client import (
    BatchOperationDescription,
    BatchOperationHandle,
    BatchOperationState,
    BatchOperationType,
    Client,
)
from perdure.protocol.operations import BATCH_RATE_DEFAULT, BATCH_RATE_MAX


@click.group(cls=CommandGroup)
def batch() -> None:
    """Cancel, terminate, signal or reset every workflow that a query finds."""


@batch.command()
@click.argument("operation", type=click.Choice([kind.name.lower() for kind in BatchOperationType]))
@click.argument("signal", required=False)
@click.option(
    "--query", "list_query", required=True, metavar="QUERY", help="Which; as `perdure workflow list` takes it."
)
@click.option("--reason", default="", help="Why; kept in the histories.")
@click.option("--rate", type=click.IntRange(1, BATCH_RATE_MAX), default=BATCH_RATE_DEFAULT, show_default=True,
              help="Workflows a second.")  # fmt: skip
@click.option("--id", "batch_id", help="Names the operation; by default a new one.")
@input_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Wait until it is over.")
@connection_options
def start(
    operation: str,
    signal: str | None,
    list_query: str,
    reason: str,
    rate: int,
    batch_id: str | None,
    inputs: tuple[str, ...],
    yes: bool,
    wait: bool,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Begin OPERATION (for signal: and the name of the SIGNAL) on every workflow that QUERY finds.

    Engines carry it out, whether or not this command waits.
    """
    kind = BatchOperationType[operation.upper()]
    if (kind is BatchOperationType.SIGNAL) != (signal is not None):
        raise click.UsageError("name the signal: perdure batch start signal NAME; no other operation takes one")
    args = parse_inputs(inputs)

    async def work(client: Client) -> BatchOperationDescription:
        if not yes:
            found = (await client.count_workflows(list_query)).count
            if not click.confirm(f"{operation} up to {found:,} workflows in {namespace}?", err=True):
                raise CommandFailed("Nothing was done.")
        handle = await client.batches.start(
            kind, list_query, reason=reason, id=batch_id, rate=rate, signal=signal or "", args=args
        )
        return await _watched(handle) if wait else await handle.describe()

    _print(with_client(address, namespace, work), as_json)


async def _watched(handle: BatchOperationHandle) -> BatchOperationDescription:
    found = await handle.result()
    if found.state == BatchOperationState.FAILED:
        raise CommandFailed(f"Batch {found.id} failed: {found.message}")
    return found


@batch.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List batch operations, newest first; they are remembered for a week."""

    async def work(client: Client) -> list[BatchOperationDescription]:
        return await client.batches.list()

    rows = with_client(address, namespace, work)
    if as_json:
        print_json([_data(row) for row in rows])
        return
    if not rows:
        note("There is no batch operation.")
        return
    cells = (
        (
            row.id,
            row.operation.name,
            row.state.name,
            f"{row.done} of {row.total}",
            row.failed,
            time_text(row.start_time),
        )
        for row in rows
    )
    console().print(table(("Id", "Operation", "State", "Done", "Failed", "Started"), cells))


@batch.command()
@click.argument("batch_id")
@connection_options
def describe(batch_id: str, address: str, namespace: str, as_json: bool) -> None:
    """Say how far a batch operation has come."""

    async def work(client: Client) -> BatchOperationDescription:
        return await client.batches.get_handle(batch_id).describe()

    _print(with_client(address, namespace, work), as_json)


@batch.command()
@click.argument("batch_id")
@click.option("--reason", default="", help="Why.")
@connection_options
def stop(batch_id: str, reason: str, address: str, namespace: str, as_json: bool) -> None:
    """End a batch operation where it is; what it has done stays done."""

    async def work(client: Client) -> BatchOperationDescription:
        return await client.batches.get_handle(batch_id).stop(reason=reason)

    _print(with_client(address, namespace, work), as_json)


def _print(found: BatchOperationDescription, as_json: bool) -> None:
    if as_json:
        print_json(_data(found))
        return
    console().print(
        facts(
            (
                ("Batch", found.id),
                ("Operation", found.operation.name),
                ("State", found.state.name),
                ("Query", found.query),
                ("Reason", found.reason),
                ("Done", f"{found.done} of {found.total}"),
                ("Failed", found.failed or ""),
                ("Message", found.message),
                ("Started", f"{time_text(found.start_time)} by {found.identity}"),
                ("Ended", time_text(found.close_time)),
            )
        )
    )


def _data(row: BatchOperationDescription) -> dict[str, Any]:
    names = ("query", "reason", "identity", "rate", "total", "done", "failed", "start_time", "close_time", "message")
    kinds = {"id": row.id, "operation": row.operation.name, "state": row.state.name}
    return kinds | {name: getattr(row, name) for name in names}
