"""`perdure workflow`: the commands that act on a workflow. Those that begin one, that look, and that its code answers
are in `workflow_start`, `workflow_views` and `workflow_answers`."""

from __future__ import annotations

import click

from perdure.cli.batch_run import Many, many_options
from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import parse_inputs
from perdure.cli.options import choice, connection_options, input_option, member, run_id_option, with_client
from perdure.cli.output import console, print_json
from perdure.cli.replay import replay
from perdure.cli.workflow_answers import metadata, query, stack, update
from perdure.cli.workflow_list import count, list_
from perdure.cli.workflow_start import start
from perdure.cli.workflow_views import describe, result, show
from perdure.client import BatchOperationType, Client, ResetReapplyExcludeType, WorkflowResetPoint


@click.group(cls=CommandGroup, name="workflow")
def workflow() -> None:
    """Start, watch, signal, query, cancel workflows."""


@workflow.command()
@click.argument("target", metavar="[WORKFLOW_ID] NAME", nargs=-1, required=True)
@input_option
@run_id_option
@many_options
@connection_options
def signal(
    target: tuple[str, ...],
    inputs: tuple[str, ...],
    run_id: str | None,
    many: Many,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Send the signal NAME to a workflow, or to every open one that a query finds."""
    if len(target) > 2:
        raise click.UsageError(f"too many words: {' '.join(target[2:])}; arguments of the signal go with --input")
    args = parse_inputs(inputs)
    name = target[-1]
    if many.is_meant(one=target[0] if len(target) == 2 else None):
        kind = BatchOperationType.SIGNAL
        many.run(kind, address, namespace, as_json, run_id=run_id, signal=name, args=args)
        return
    workflow_id = target[0]

    async def work(client: Client) -> None:
        await client.get_workflow_handle(workflow_id, run_id=run_id).signal(name, args=args)
        _done(as_json, f"Sent the signal {name} to {workflow_id}", workflow_id, signal=name)

    with_client(address, namespace, work)


@workflow.command()
@click.argument("workflow_id", required=False)
@click.option("--reason", default="", help="Why; kept in the history.")
@run_id_option
@many_options
@connection_options
def cancel(
    workflow_id: str | None, reason: str, run_id: str | None, many: Many, address: str, namespace: str, as_json: bool
) -> None:
    """Ask a workflow, or every open one that a query finds, to cancel; its code may clean up first."""
    if many.is_meant(one=workflow_id) or workflow_id is None:
        many.run(BatchOperationType.CANCEL, address, namespace, as_json, run_id=run_id, reason=reason)
        return

    async def work(client: Client) -> None:
        await client.get_workflow_handle(workflow_id, run_id=run_id).cancel(reason=reason)
        _done(as_json, f"Asked {workflow_id} to cancel", workflow_id, reason=reason)

    with_client(address, namespace, work)


@workflow.command()
@click.argument("workflow_id", required=False)
@click.option("--reason", default="", help="Why; kept in the history.")
@run_id_option
@many_options
@connection_options
def terminate(
    workflow_id: str | None, reason: str, run_id: str | None, many: Many, address: str, namespace: str, as_json: bool
) -> None:
    """End a workflow, or every open one that a query finds, at once; its code is not asked."""
    if many.is_meant(one=workflow_id) or workflow_id is None:
        many.run(BatchOperationType.TERMINATE, address, namespace, as_json, run_id=run_id, reason=reason)
        return

    async def work(client: Client) -> None:
        await client.get_workflow_handle(workflow_id, run_id=run_id).terminate(reason=reason or None)
        _done(as_json, f"Terminated {workflow_id}", workflow_id, reason=reason)

    with_client(address, namespace, work)


def _reset_point(context: click.Context, parameter: click.Parameter, value: str) -> WorkflowResetPoint | int:
    if value in _RESET_POINTS:
        return _RESET_POINTS[value]
    if value.isdecimal() and int(value):
        return int(value)
    raise click.BadParameter(f"{value!r} is neither {' nor '.join(_RESET_POINTS)} nor the number of an event")


_RESET_POINTS = {"first": WorkflowResetPoint.FIRST_WORKFLOW_TASK, "last": WorkflowResetPoint.LAST_WORKFLOW_TASK}


@workflow.command()
@click.argument("workflow_id", required=False)
@click.option(
    "--to",
    metavar="first|last|EVENT",
    default="last",
    show_default=True,
    callback=_reset_point,
    help="The completed workflow task to go back to: the first, the last, or the one that this event closes (of one "
    "workflow; with --query first or last only).",
)
@click.option("--reason", default="", help="Why; kept in the history.")
@click.option(
    "--exclude",
    type=choice(ResetReapplyExcludeType),
    multiple=True,
    help="Do not apply again what was sent to the workflow since. May be repeated.",
)
@run_id_option
@many_options
@connection_options
def reset(
    workflow_id: str | None,
    to: WorkflowResetPoint | int,
    reason: str,
    exclude: tuple[str, ...],
    run_id: str | None,
    many: Many,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Take a workflow back to a workflow task, and go on from there in a new run. The open run is terminated.

    With --query: every run that a query finds, to its first or its last workflow task; no other task can be named,
    and --exclude is for one workflow alone.
    """
    if many.is_meant(one=workflow_id) or workflow_id is None:
        if exclude or not isinstance(to, WorkflowResetPoint):
            raise click.UsageError("with --query a reset goes --to first or last, and applies everything again")
        kind = BatchOperationType.RESET
        many.run(kind, address, namespace, as_json, run_id=run_id, reason=reason, reset_point=to)
        return

    async def work(client: Client) -> None:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        kinds = [member(ResetReapplyExcludeType, kind) for kind in exclude]
        new = (await handle.reset(to, reason=reason, exclude=kinds)).result_run_id or ""
        _done(as_json, f"Reset {workflow_id}: run id {new}", workflow_id, run_id=new, reason=reason)

    with_client(address, namespace, work)


@workflow.command()
@click.argument("workflow_id", required=False)
@run_id_option
@many_options
@connection_options
def delete(
    workflow_id: str | None, run_id: str | None, many: Many, address: str, namespace: str, as_json: bool
) -> None:
    """Forget a run, or every one that a query finds, with its history; an open one is terminated first.

    Other runs of the workflow id stay.
    """
    if many.is_meant(one=workflow_id) or workflow_id is None:
        many.run(BatchOperationType.DELETE, address, namespace, as_json, run_id=run_id)
        return

    async def work(client: Client) -> None:
        await client.get_workflow_handle(workflow_id, run_id=run_id).delete()
        _done(as_json, f"Deleted {workflow_id}", workflow_id)

    with_client(address, namespace, work)


def _done(as_json: bool, text: str, workflow_id: str, **more: str) -> None:
    if as_json:
        print_json({"workflow_id": workflow_id, **more})
    else:
        console().print(text, markup=False)


for _command in (start, list_, count, describe, show, result, query, update, stack, metadata, replay):
    workflow.add_command(_command)
