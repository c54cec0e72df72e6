"""Batch operations, as commands carry them through: the question, the start, the progress, how it ended.

Rules: nothing begins unless somebody agreed, at the terminal or by `--yes`. An operation goes on without its command,
so Ctrl-C ends the watching alone, and says so.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from perdure.cli.errors import CommandFailed
from perdure.cli.options import Command, with_client
from perdure.cli.output import console, facts, note, print_json, time_text
from perdure.client import (
    BatchOperationDescription,
    BatchOperationHandle,
    BatchOperationState,
    BatchOperationType,
    Client,
    WorkflowResetPoint,
)
from perdure.protocol.operations import BATCH_RATE_DEFAULT, BATCH_RATE_MAX

POLL_S = 0.5

OF_OPEN_RUNS = (BatchOperationType.TERMINATE, BatchOperationType.CANCEL, BatchOperationType.SIGNAL)
"""What leaves closed runs alone."""

rate_option = click.option(
    "--rate",
    type=click.IntRange(1, BATCH_RATE_MAX),
    default=BATCH_RATE_DEFAULT,
    show_default=True,
    help="Workflows a second, of a batch.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask before a batch begins.")


@dataclass(frozen=True)
class BatchStart:
    """A batch operation to begin. `signal` and `args` are for SIGNAL, `reset_point` for RESET."""

    kind: BatchOperationType
    query: str
    rate: int
    reason: str = ""
    id: str | None = None
    signal: str = ""
    args: Sequence[Any] = ()
    reset_point: WorkflowResetPoint = WorkflowResetPoint.LAST_WORKFLOW_TASK


class Many(NamedTuple):
    """What the options of a command say that acts on one workflow, or on all that a query finds."""

    query: str
    rate: int
    yes: bool
    wait: bool

    def is_meant(self, *, one: str | None) -> bool:
        """Whether the command is about those of the query, not about the one that was named.

        Raises:
            click.UsageError: about neither, or both.
        """
        if bool(self.query) == bool(one):
            raise click.UsageError("name one workflow, or many by --query '...'; one of the two")
        return bool(self.query)

    def run(
        self, kind: BatchOperationType, address: str, namespace: str, as_json: bool, *, run_id: str | None, **more: Any
    ) -> None:
        """Do `kind` to all that the query finds."""
        if run_id:
            raise click.UsageError("--run-id names a run of one workflow; with --query say RunId = '...'")
        start = BatchStart(kind, self.query, self.rate, **more)
        run_batch(start, address, namespace, as_json, yes=self.yes, wait=self.wait)


def many_options(command: Command) -> Command:
    """`--query`, `--rate`, `--yes` and `--no-wait`, which a command gets as `many: Many`."""

    @functools.wraps(command)
    def with_many(*args: Any, list_query: str | None, rate: int, yes: bool, wait: bool, **options: Any) -> Any:
        return command(*args, many=Many(list_query or "", rate, yes, wait), **options)

    query = click.option(
        "--query",
        "list_query",
        metavar="QUERY",
        help="Do it to every workflow that QUERY finds, as `perdure workflow list` takes it, by a batch operation.",
    )
    no_wait = click.option(
        "--no-wait", "wait", flag_value=False, default=True, help="Do not wait until a batch is over."
    )
    for option in (no_wait, yes_option, rate_option, query):
        with_many = option(with_many)
    return with_many


def run_batch(start: BatchStart, address: str, namespace: str, as_json: bool, *, yes: bool, wait: bool) -> None:
    """Begin a batch operation, watch it if asked for, and print how far it came.

    Raises:
        CommandFailed: nobody agreed, or what was waited for is not what happened.
    """
    found = carry_out(start, address, namespace, yes=yes, wait=wait, shows=not as_json)
    print_batch(found, as_json)
    if wait:
        check(found)
    elif found.state == BatchOperationState.RUNNING:
        note(_goes_on(found.id))


def carry_out(
    start: BatchStart, address: str, namespace: str, *, yes: bool, wait: bool, shows: bool
) -> BatchOperationDescription:
    """Begin a batch operation, and watch it if asked for.

    Raises:
        CommandFailed: nobody agreed.
    """

    async def work(client: Client) -> BatchOperationDescription:
        if not yes:
            await _ask(client, start)
        batch_id = start.id or uuid.uuid4().hex[:12]
        try:
            handle = await _begin(client, start, batch_id)
            return await (_watched(handle, shows=shows) if wait else handle.describe())
        except asyncio.CancelledError:  # Ctrl-C
            note(_goes_on(batch_id))
            raise

    return with_client(address, namespace, work)


async def _begin(client: Client, start: BatchStart, batch_id: str) -> BatchOperationHandle:
    return await client.batches.start(
        start.kind,
        start.query,
        reason=start.reason,
        id=batch_id,
        rate=start.rate,
        signal=start.signal,
        args=start.args,
        reset_point=start.reset_point,
    )


async def _ask(client: Client, start: BatchStart) -> None:
    counted = await client.count_workflows(start.query)
    if start.kind in OF_OPEN_RUNS and counted.count:
        counted = await client.count_workflows(f"({start.query}) AND ExecutionStatus = 'Running'")
    if not counted.count:
        return  # what finds nothing harms nobody
    word = "open workflow" if start.kind in OF_OPEN_RUNS else "workflow"
    what = f"{start.kind.name.lower()} {counted.count:,} {word}{'s' if counted.count != 1 else ''}"
    if not has_terminal():
        raise CommandFailed(
            f"This would {what} in {client.namespace}. Nobody is at a terminal to agree: say --yes. Nothing was done."
        )
    if not click.confirm(f"{what} in {client.namespace}?".capitalize(), err=True):
        raise CommandFailed("Nothing was done.")


def has_terminal() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


async def _watched(handle: BatchOperationHandle, *, shows: bool) -> BatchOperationDescription:
    """The operation when it is over. At a terminal a bar shows how far it is."""
    errors = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}", style="red"),
        TimeElapsedColumn(),
    )
    found = await handle.describe()
    with Progress(*columns, console=errors, transient=True, disable=not (shows and errors.is_terminal)) as progress:
        bar = progress.add_task(found.operation.name.lower(), total=found.total, failed="")
        while found.state == BatchOperationState.RUNNING:
            await asyncio.sleep(POLL_S)
            found = await handle.describe()
            failed = f"{found.failed:,} failed" if found.failed else ""
            progress.update(bar, completed=found.done + found.failed, failed=failed)
        return found


def _goes_on(batch_id: str) -> str:
    return (
        "The engines go on with the batch operation. How far it is: "
        f"perdure batch describe {batch_id}; to stop it: perdure batch stop {batch_id}"
    )


def check(found: BatchOperationDescription) -> None:
    """What is over must have done everything.

    Raises:
        CommandFailed: it did not.
    """
    if found.state == BatchOperationState.FAILED:
        raise CommandFailed(f"Batch {found.id} failed: {found.message}")
    if found.state == BatchOperationState.STOPPED:
        raise CommandFailed(f"Batch {found.id} was stopped: {found.done:,} of {found.total:,} are done")
    if found.failed:
        raise CommandFailed(
            f"{found.failed:,} of {found.total:,} could not be done, the last one because: {found.message}"
        )


def print_batch(found: BatchOperationDescription, as_json: bool) -> None:
    """How far an operation came."""
    if as_json:
        print_json(batch_data(found))
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


def batch_data(row: BatchOperationDescription) -> dict[str, Any]:
    """An operation, as JSON shows it."""
    names = ("query", "reason", "identity", "rate", "total", "done", "failed", "start_time", "close_time", "message")
    kinds = {"id": row.id, "operation": row.operation.name, "state": row.state.name}
    return kinds | {name: getattr(row, name) for name in names}
