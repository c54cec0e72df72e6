"""`perdure workflow describe / show / result`: the commands that look."""

from __future__ import annotations

from typing import Any

import click

from perdure.cli.errors import CommandFailed, explain
from perdure.cli.history_table import history_table
from perdure.cli.options import connection_options, run_id_option, with_client
from perdure.cli.output import (
    console,
    duration_text,
    exception_data,
    facts,
    note,
    print_json,
    status_text,
    table,
    time_text,
)
from perdure.cli.workflow_list import execution_data
from perdure.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
)


@click.command()
@click.argument("workflow_id")
@run_id_option
@connection_options
def describe(workflow_id: str, run_id: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Describe a workflow: its state, what is pending, who polls its task queue."""

    async def work(client: Client) -> tuple[WorkflowExecutionDescription, dict[str, Any], dict[str, str | None]]:
        found = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
        notes = {"summary": await found.static_summary(), "details": await found.static_details()}
        return found, dict(await found.memo()), notes

    found, memo, notes = with_client(address, namespace, work)
    if as_json:
        pending = {
            "pending_activities": found.pending_activities,
            "pending_workflow_task": found.pending_workflow_task,
            "pending_children": found.pending_children,
        }
        size = {
            "history_length": found.history_length,
            "history_size": found.history_size,
            "is_continue_as_new_suggested": found.is_continue_as_new_suggested,
        }
        print_json({**execution_data(found), **notes, **size, "memo": memo, **pending, "pollers": found.pollers})
        return
    _print_description(found, memo, notes)


def _history_text(found: WorkflowExecutionDescription) -> str:
    size = f"{found.history_length} events, {found.history_size:,} bytes"
    if not found.is_continue_as_new_suggested:
        return size
    return f"{size}: long; continue as new when workflow.info().is_continue_as_new_suggested() says so"


def _print_description(found: WorkflowExecutionDescription, memo: dict[str, Any], notes: dict[str, str | None]) -> None:
    out = console()
    out.print(
        facts(
            (
                ("Workflow id", found.id),
                ("Run id", found.run_id),
                ("Type", found.workflow_type),
                ("Summary", notes["summary"] or ""),
                ("Details", notes["details"] or ""),
                ("Task queue", found.task_queue),
                ("Namespace", found.namespace),
                ("Status", status_text(found.status.name if found.status else "")),
                ("Started", time_text(found.start_time)),
                ("Closed", time_text(found.close_time)),
                ("History", _history_text(found)),
                ("Parent", found.parent_id or ""),
                ("Root", (found.root_id or "") if found.parent_id else ""),
                ("Found by", ", ".join(f"{key.name} = {value!r}" for key, value in found.typed_search_attributes)),
                ("Memo", ", ".join(f"{name} = {value!r}" for name, value in memo.items())),
            )
        )
    )
    if found.pending_activities:
        out.print()
        out.print(
            table(
                ("Activity", "Id", "State", "Attempt", "Next attempt", "Worker", "Last failure"),
                (
                    (
                        activity.activity_type,
                        activity.activity_id,
                        activity.state.name,
                        f"{activity.attempt} of {activity.maximum_attempts or 'any number'}",
                        time_text(activity.next_attempt_time),
                        activity.worker,
                        explain(activity.last_failure) if activity.last_failure else "",
                    )
                    for activity in found.pending_activities
                ),
                title="Pending activities",
            )
        )
    if found.pending_children:
        out.print()
        out.print(
            table(
                ("Child", "Id", "State", "When this closes"),
                (
                    (
                        child.workflow_type,
                        child.id,
                        "STARTED" if child.run_id else "BEING STARTED",
                        child.parent_close_policy.name,
                    )
                    for child in found.pending_children
                ),
                title="Pending child workflows",
            )
        )
    task = found.pending_workflow_task
    if task is not None:
        out.print()
        out.print(f"A workflow task is pending, attempt {task.attempt}.", markup=False)
        if task.last_failure is not None:
            out.print(f"Its last attempt failed: {explain(task.last_failure)}", markup=False, style="red")
    if found.pollers:
        out.print()
        rows = ((poller.identity, poller.slots, duration_text(poller.last_access_age)) for poller in found.pollers)
        out.print(table(("Worker", "Slots", "Last seen"), rows, title="Polling its task queue"))
    elif found.close_time is None:
        note(f"No worker polls the task queue {found.task_queue!r}; the workflow goes on when one does.")


@click.command()
@click.argument("workflow_id")
@run_id_option
@connection_options
def show(workflow_id: str, run_id: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Show the history of a workflow, with the failed attempts. `--json` prints Temporal's JSON, as it is stored."""

    async def work(client: Client) -> WorkflowHistory:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        events = handle.fetch_history_events(include_annotations=not as_json)
        found = [event async for event in events]
        coding = client.data_converter.coding()
        if coding is not None and not as_json:
            found = await coding.decode(found)
        return WorkflowHistory(workflow_id, found, events.run_id)

    history = with_client(address, namespace, work)
    if as_json:
        print_json(history.to_json_dict())
    else:
        console().print(history_table(history.events))


@click.command()
@click.argument("workflow_id")
@run_id_option
@connection_options
def result(workflow_id: str, run_id: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Wait for the result of a workflow, and print it as JSON. Exit status 1 if it did not complete."""

    async def work(client: Client) -> None:
        await wait_result(client.get_workflow_handle(workflow_id, run_id=run_id), as_json)

    with_client(address, namespace, work)


async def wait_result(handle: WorkflowHandle[Any, Any], as_json: bool) -> None:
    """Wait, and print what came out.

    Raises:
        CommandFailed: the workflow did not complete.
    """
    try:
        value = await handle.result()
    except WorkflowFailureError as error:
        if as_json:
            print_json({"workflow_id": handle.id, "status": "FAILED", "failure": exception_data(error.cause)})
        raise CommandFailed(f"Workflow {handle.id} did not complete: {explain(error.cause)}") from error
    print_json({"workflow_id": handle.id, "status": "COMPLETED", "result": value} if as_json else value)
