"""`perdure workflow query / update / stack / metadata`: the commands that the workflow's code answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from perdure.cli.errors import CommandFailed, explain
from perdure.cli.json_input import duration, parse_inputs
from perdure.cli.options import connection_options, input_option, run_id_option, with_client
from perdure.cli.output import console, exception_data, facts, print_json, table
from perdure.client import Client, WorkflowUpdateFailedError, WorkflowUpdateStage
from perdure.execution.handler_registry import STACK_TRACE_QUERY
from perdure.execution.metadata import METADATA_QUERIES

timeout_option = click.option(
    "--timeout", type=duration, default="10s", show_default=True, help="How long to wait for a worker."
)


@click.command()
@click.argument("workflow_id")
@click.argument("name")
@input_option
@timeout_option
@run_id_option
@connection_options
def query(
    workflow_id: str,
    name: str,
    inputs: tuple[str, ...],
    timeout: timedelta,
    run_id: str | None,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Ask a workflow's code the query NAME, and print the answer as JSON."""
    args = parse_inputs(inputs)

    async def work(client: Client) -> Any:
        return await client.get_workflow_handle(workflow_id, run_id=run_id).query(name, args=args, rpc_timeout=timeout)

    answer = with_client(address, namespace, work)
    print_json({"workflow_id": workflow_id, "query": name, "result": answer} if as_json else answer)


@click.command()
@click.argument("workflow_id")
@click.argument("name")
@input_option
@click.option("--update-id", help="Within a run, the same id means the same update; by default a new one.")
@click.option(
    "--wait-for",
    type=click.Choice(("accepted", "completed")),
    default="completed",
    show_default=True,
    help="Return when the workflow has taken it in, or when there is a result.",
)
@click.option("--timeout", type=duration, help="How long to wait; by default as long as it takes.")
@run_id_option
@connection_options
def update(
    workflow_id: str,
    name: str,
    inputs: tuple[str, ...],
    update_id: str | None,
    wait_for: str,
    timeout: timedelta | None,
    run_id: str | None,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Send the update NAME to a workflow, and print its result as JSON. Exit status 1 if it is rejected, or fails."""
    args = parse_inputs(inputs)
    stage = WorkflowUpdateStage[wait_for.upper()]

    async def work(client: Client) -> tuple[str, Any]:
        workflow = client.get_workflow_handle(workflow_id, run_id=run_id)
        handle = await workflow.start_update(
            name, args=args, id=update_id, wait_for_stage=stage, rpc_timeout=timeout, result_type=None
        )
        return handle.id, None if stage is WorkflowUpdateStage.ACCEPTED else await handle.result()

    facts_known = {"workflow_id": workflow_id, "update": name}
    try:
        known_id, result = with_client(address, namespace, work)
    except WorkflowUpdateFailedError as error:
        if as_json:
            print_json({**facts_known, "status": "FAILED", "failure": exception_data(error.cause)})
        raise CommandFailed(f"The update {name} was rejected, or failed: {explain(error.cause)}") from error
    if stage is WorkflowUpdateStage.ACCEPTED:
        accepted = {**facts_known, "update_id": known_id, "status": "ACCEPTED"}
        if as_json:
            print_json(accepted)
        else:
            console().print(f"{workflow_id} took in the update {name}: update id {known_id}", markup=False)
        return
    print_json({**facts_known, "update_id": known_id, "status": "COMPLETED", "result": result} if as_json else result)


@click.command()
@click.argument("workflow_id")
@timeout_option
@run_id_option
@connection_options
def stack(
    workflow_id: str, timeout: timedelta, run_id: str | None, address: str, namespace: str, as_json: bool
) -> None:
    """Show where the code of a workflow waits: the stack of each of its tasks."""

    async def work(client: Client) -> str:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        return str(await handle.query(STACK_TRACE_QUERY, result_type=str, rpc_timeout=timeout))

    trace = with_client(address, namespace, work)
    if as_json:
        print_json({"workflow_id": workflow_id, "stack": trace})
    else:
        console().print(trace or "Nothing waits: the workflow is over.", markup=False, highlight=False)


@click.command()
@click.argument("workflow_id")
@timeout_option
@run_id_option
@connection_options
def metadata(
    workflow_id: str, timeout: timedelta, run_id: str | None, address: str, namespace: str, as_json: bool
) -> None:
    """Show what a workflow says of itself: its handlers, and its current details."""

    async def work(client: Client) -> dict[str, Any]:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        found: dict[str, Any] = await handle.query(METADATA_QUERIES[0], rpc_timeout=timeout)
        return found

    found = with_client(address, namespace, work)
    if as_json:
        print_json({"workflow_id": workflow_id, **found})
        return
    definition = found["definition"]
    out = console()
    out.print(facts((("Type", definition["type"]), ("Current details", found["currentDetails"]))))
    rows = [
        (kind, row["name"] or "(any other)", row["description"])
        for kind in ("query", "signal", "update")
        for row in definition[f"{kind}Definitions"]
    ]
    if rows:
        out.print()
        out.print(table(("Handler", "Name", "Description"), rows))
