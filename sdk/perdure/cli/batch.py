"""`perdure batch`: something done to every workflow that a query finds."""

from __future__ import annotations

import click

from perdure.cli.batch_run import BatchStart, batch_data, print_batch, rate_option, run_batch, yes_option
from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import parse_inputs
from perdure.cli.options import connection_options, input_option, with_client
from perdure.cli.output import console, note, print_json, table, time_text
from perdure.client import BatchOperationDescription, BatchOperationType, Client


@click.group(cls=CommandGroup)
def batch() -> None:
    """Cancel, terminate, signal, reset or delete every workflow that a query finds."""


@batch.command()
@click.argument("operation", type=click.Choice([kind.name.lower() for kind in BatchOperationType]))
@click.argument("signal", required=False)
@click.option(
    "--query", "list_query", required=True, metavar="QUERY", help="Which; as `perdure workflow list` takes it."
)
@click.option("--reason", default="", help="Why; kept in the histories.")
@rate_option
@click.option("--id", "batch_id", help="Names the operation; by default a new one.")
@input_option
@yes_option
@click.option("--wait", is_flag=True, help="Wait until it is over, and show how far it is.")
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

    start_ = BatchStart(kind, list_query, rate, reason, batch_id, signal or "", args)
    run_batch(start_, address, namespace, as_json, yes=yes, wait=wait)


@batch.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List batch operations, newest first; they are remembered for a week."""

    async def work(client: Client) -> list[BatchOperationDescription]:
        return await client.batches.list()

    rows = with_client(address, namespace, work)
    if as_json:
        print_json([batch_data(row) for row in rows])
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

    print_batch(with_client(address, namespace, work), as_json)


@batch.command()
@click.argument("batch_id")
@click.option("--reason", default="", help="Why.")
@connection_options
def stop(batch_id: str, reason: str, address: str, namespace: str, as_json: bool) -> None:
    """End a batch operation where it is; what it has done stays done."""

    async def work(client: Client) -> BatchOperationDescription:
        return await client.batches.get_handle(batch_id).stop(reason=reason)

    print_batch(with_client(address, namespace, work), as_json)
