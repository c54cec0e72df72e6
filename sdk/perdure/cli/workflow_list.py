"""`perdure workflow list` and `count`: many workflows at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import orjson
from rich.console import Console

from perdure.cli.errors import CommandFailed
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, duration_text, note, plain, print_json, status_text, table, time_text
from perdure.client import Client, WorkflowExecution, WorkflowExecutionCount

COLUMNS: Mapping[str, Callable[[WorkflowExecution], Any]] = {
    "RunId": lambda row: row.run_id,
    "ExecutionTime": lambda row: time_text(row.execution_time),
    "CloseTime": lambda row: time_text(row.close_time),
    "HistoryLength": lambda row: row.history_length or None,
    "ParentWorkflowId": lambda row: row.parent_id,
    "RootWorkflowId": lambda row: row.root_id,
}
"""What a table shows on request, beside search attributes and the memo."""

MEMO = "Memo"
TOLD_EVERY = 500
"""Rows between two words about a long list."""

query_option = click.option(
    "--query",
    "list_query",
    metavar="QUERY",
    help="Which: WorkflowType = 'X' AND ExecutionStatus = 'Running' AND StartTime > '2026-11-20'.",
)


@click.command(name="list")
@query_option
@click.option("--order", metavar="FIELD [DESC], ...", help="The same as ORDER BY at the end of QUERY.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--all", "every", is_flag=True, help="As many as there are, whatever --limit says.")
@click.option(
    "--column",
    "columns",
    metavar="NAME",
    multiple=True,
    help=f"A column more: a search attribute, {', '.join([*COLUMNS, MEMO])}. May be repeated.",
)
@connection_options
def list_(
    list_query: str | None,
    order: str | None,
    limit: int,
    every: bool,
    columns: tuple[str, ...],
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """List workflows, newest first unless --order or QUERY say otherwise."""
    query = f"{list_query or ''} ORDER BY {order}".strip() if order else list_query

    async def work(client: Client) -> tuple[list[str], list[WorkflowExecution], list[Mapping[str, Any]], bool]:
        names = await _columns(client, columns)
        found = client.list_workflows(query, limit=None if every else limit)
        rows: list[WorkflowExecution] = []
        errors = Console(stderr=True, highlight=False)
        with errors.status("reading the list") as status:  # at a terminal alone
            async for row in found:
                rows.append(row)
                if len(rows) % TOLD_EVERY == 0:
                    status.update(f"{len(rows):,} workflows so far")
        memos = [await row.memo() for row in rows] if MEMO in names else []
        return names, rows, memos, found.next_page_token is not None and len(rows) == limit and not every

    names, rows, memos, may_go_on = with_client(address, namespace, work)
    if as_json:
        notes = [{"memo": memo} for memo in memos] or [{}] * len(rows)
        print_json([execution_data(row) | more for row, more in zip(rows, notes, strict=True)])
        return
    if not rows:
        note("No workflow matches.")
        return
    headings = ("Status", "Workflow id", "Type", "Task queue", "Started", "Duration", *names)
    console().print(table(headings, (_cells(row, names, memo) for row, memo in _with(rows, memos))))
    if may_go_on:
        note(f"There may be more than {limit:,}: --limit, or --all.")


async def _columns(client: Client, wanted: Sequence[str]) -> list[str]:
    """The columns asked for, by their right names.

    Raises:
        CommandFailed: there is none of a name.
    """
    if not wanted:
        return []
    known = [*COLUMNS, MEMO, *await client.search_attributes.list()]
    folded = {name.lower(): name for name in known}
    for name in wanted:
        if name not in known and name.lower() not in folded:
            raise CommandFailed(f"There is no column {name!r}. There are {', '.join(known)}.")
    return [name if name in known else folded[name.lower()] for name in wanted]


def _with(rows: Sequence[WorkflowExecution], memos: Sequence[Any]) -> Sequence[tuple[WorkflowExecution, Any]]:
    return list(zip(rows, memos or [None] * len(rows), strict=True))


def _cells(row: WorkflowExecution, names: Sequence[str], memo: Any) -> list[Any]:
    attributes = {pair.key.name: pair.value for pair in row.typed_search_attributes}
    cells = [
        status_text(row.status.name if row.status else ""),
        row.id,
        row.workflow_type,
        row.task_queue,
        time_text(row.start_time),
        duration_text((row.close_time or datetime.now(UTC)) - row.start_time),
    ]
    for name in names:
        if name in COLUMNS:
            cells.append(COLUMNS[name](row))
        else:
            cells.append(_shown(memo or None if name == MEMO else attributes.get(name)))
    return cells


def _shown(value: Any) -> str | None:
    """A value on one line."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return time_text(value)
    return orjson.dumps(value, default=plain).decode()


@click.command()
@query_option
@connection_options
def count(list_query: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Count workflows; by group if QUERY ends in GROUP BY."""

    async def work(client: Client) -> WorkflowExecutionCount:
        return await client.count_workflows(list_query)

    counted = with_client(address, namespace, work)
    if as_json:
        groups = [{"values": list(group.group_values), "count": group.count} for group in counted.groups]
        print_json({"count": counted.count} | ({"groups": groups} if groups else {}))
        return
    for group in counted.groups:
        values = ", ".join("-" if value is None else str(value) for value in group.group_values)
        console().print(f"{group.count}\t{values}", markup=False)
    if not counted.groups:
        console().print(str(counted.count))


def execution_data(row: WorkflowExecution) -> dict[str, Any]:
    """A run, as JSON shows it."""
    return {
        "workflow_id": row.id,
        "run_id": row.run_id,
        "namespace": row.namespace,
        "workflow_type": row.workflow_type,
        "task_queue": row.task_queue,
        "status": row.status.name if row.status else None,
        "start_time": row.start_time,
        "close_time": row.close_time,
        "search_attributes": {pair.key.name: pair.value for pair in row.typed_search_attributes},
        "parent_id": row.parent_id,
        "root_id": row.root_id,
    }
