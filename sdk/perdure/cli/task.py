"""`perdure task`: tasks, and other activities without a workflow."""

from __future__ import annotations

from typing import Any

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, note, print_json, status_text, table, time_text
from perdure.client import ActivityExecution, Client

query_option = click.option(
    "--query",
    "list_query",
    metavar="QUERY",
    help="Which: ActivityType = 'send' AND TaskQueue = 'mails' AND ExecutionStatus IN ('Failed', 'TimedOut').",
)


@click.group(cls=CommandGroup)
def task() -> None:
    """List and count tasks, and other activities without a workflow."""


@task.command(name="list")
@query_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@connection_options
def list_(list_query: str | None, limit: int, address: str, namespace: str, as_json: bool) -> None:
    """List tasks, open and closed ones, newest first."""

    async def work(client: Client) -> list[ActivityExecution]:
        return [row async for row in client.list_activities(list_query, limit=limit, page_size=limit)]

    rows = with_client(address, namespace, work)
    if as_json:
        print_json([_data(row) for row in rows])
        return
    cells = (
        (status_text(row.status.name), row.activity_id, row.activity_type, row.task_queue, time_text(row.schedule_time))
        for row in rows
    )
    console().print(table(("Status", "Id", "Type", "Task queue", "Enqueued"), cells))
    if not rows:
        note(f"There is no such task in namespace {namespace}.")


@task.command()
@query_option
@connection_options
def count(list_query: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Count tasks. Open ones cannot be counted by their type."""

    async def work(client: Client) -> int:
        return (await client.count_activities(list_query)).count

    total = with_client(address, namespace, work)
    if as_json:
        print_json({"count": total})
    else:
        console().print(f"{total:,}")


def _data(row: ActivityExecution) -> dict[str, Any]:
    return {
        "activity_id": row.activity_id,
        "run_id": row.activity_run_id,
        "activity_type": row.activity_type,
        "task_queue": row.task_queue,
        "status": row.status.name,
        "scheduled": row.schedule_time,
        "closed": row.close_time,
    }
