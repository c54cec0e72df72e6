"""`perdure workflow`: the commands that act on a workflow. Those that look are in `workflow_views`."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import click

from perdure.cli.batch_run import Many, many_options
from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import duration, key_and_json, parse_inputs
from perdure.cli.options import connection_options, input_option, run_id_option, with_client
from perdure.cli.output import console, note, print_json
from perdure.cli.replay import replay
from perdure.cli.workflow_views import count, describe, list_, query, result, show, wait_result
from perdure.client import BatchOperationType, Client, ResetReapplyExcludeType, WorkflowResetPoint
from perdure.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from perdure_broker.port import StreamKind, TaskStream


@click.group(cls=CommandGroup, name="workflow")
def workflow() -> None:
    """Start, watch, signal, query, cancel workflows."""


def _choice(members: Any) -> click.Choice[str]:
    return click.Choice([member.name.lower().replace("_", "-") for member in members if int(member)])


def _member(kind: Any, chosen: str) -> Any:
    return kind[chosen.upper().replace("-", "_")]


@workflow.command()
@click.argument("workflow_type", metavar="[TYPE]", required=False)
@click.option("--type", "type_option", metavar="TYPE", help="The workflow type; the same as the argument.")
@click.option("--task-queue", required=True, help="Where its workers poll.")
@click.option("--id", "workflow_id", help="The workflow id; by default the type and a random text.")
@input_option
@click.option("--id-reuse-policy", type=_choice(WorkflowIDReusePolicy), default="allow-duplicate", show_default=True)
@click.option("--id-conflict-policy", type=_choice(WorkflowIDConflictPolicy), default="fail", show_default=True)
@click.option("--execution-timeout", type=duration, help="Bounds the workflow with its retries, for example 1h30m.")
@click.option("--run-timeout", type=duration, help="Bounds one run.")
@click.option("--task-timeout", type=duration, help="Bounds one workflow task.")
@click.option("--start-delay", type=duration, help="Wait before the first workflow task.")
@click.option(
    "--memo", type=key_and_json, metavar="KEY=JSON", multiple=True, help="A note for lists: KEY=JSON. May be repeated."
)
@click.option("--wait", is_flag=True, help="Wait for the result, and print it.")
@connection_options
def start(
    workflow_type: str | None,
    type_option: str | None,
    task_queue: str,
    workflow_id: str | None,
    inputs: tuple[str, ...],
    id_reuse_policy: str,
    id_conflict_policy: str,
    execution_timeout: timedelta | None,
    run_timeout: timedelta | None,
    task_timeout: timedelta | None,
    start_delay: timedelta | None,
    memo: tuple[tuple[str, Any], ...],
    wait: bool,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Start a workflow of TYPE; it is durable when the command returns."""
    if (workflow_type is None) == (type_option is None):
        raise click.UsageError("name the workflow type once: perdure workflow start TYPE, or --type TYPE")
    name = workflow_type or type_option or ""
    args = parse_inputs(inputs)

    async def work(client: Client) -> None:
        handle = await client.start_workflow(
            name,
            args=args,
            id=workflow_id or f"{name}-{uuid.uuid4().hex[:8]}",
            task_queue=task_queue,
            id_reuse_policy=_member(WorkflowIDReusePolicy, id_reuse_policy),
            id_conflict_policy=_member(WorkflowIDConflictPolicy, id_conflict_policy),
            execution_timeout=execution_timeout,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            start_delay=start_delay,
            memo=dict(memo),
        )
        if wait:
            await wait_result(handle, as_json)
            return
        if as_json:
            started = {"workflow_id": handle.id, "run_id": handle.result_run_id}
            print_json({**started, "workflow_type": name, "task_queue": task_queue, "namespace": namespace})
        else:
            console().print(f"Started {name}: workflow id {handle.id}, run id {handle.result_run_id}", markup=False)
        queue = await client.transport.queue_state(TaskStream(namespace, task_queue, StreamKind.WORKFLOW))
        if not queue.workers:
            note(f"No worker polls the task queue {task_queue!r} yet; the workflow goes on when one does.")

    with_client(address, namespace, work)


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
    help="The completed workflow task to go back to: the first, the last, or the one that this event closes.",
)
@click.option("--reason", default="", help="Why; kept in the history.")
@click.option(
    "--exclude",
    type=_choice(ResetReapplyExcludeType),
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

    With --query: every run that a query finds, to its first or its last workflow task.
    """
    if many.is_meant(one=workflow_id) or workflow_id is None:
        if exclude or not isinstance(to, WorkflowResetPoint):
            raise click.UsageError("with --query a reset goes --to first or last, and applies everything again")
        kind = BatchOperationType.RESET
        many.run(kind, address, namespace, as_json, run_id=run_id, reason=reason, reset_point=to)
        return

    async def work(client: Client) -> None:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        kinds = [_member(ResetReapplyExcludeType, kind) for kind in exclude]
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


for _view in (list_, count, describe, show, result, query, replay):
    workflow.add_command(_view)
