"""`perdure workflow start`: begins a workflow."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import click

from perdure.cli.json_input import duration, key_and_json, parse_inputs
from perdure.cli.options import choice, connection_options, input_option, member, with_client
from perdure.cli.output import console, note, print_json
from perdure.cli.workflow_views import wait_result
from perdure.client import Client
from perdure.common import RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from perdure_broker.port import StreamKind, TaskStream


@click.command()
@click.argument("workflow_type", metavar="[TYPE]", required=False)
@click.option("--type", "type_option", metavar="TYPE", help="The workflow type; the same as the argument.")
@click.option("--task-queue", required=True, help="Where its workers poll.")
@click.option("--id", "workflow_id", help="The workflow id; by default the type and a random text.")
@input_option
@click.option("--id-reuse-policy", type=choice(WorkflowIDReusePolicy), default="allow-duplicate", show_default=True)
@click.option(
    "--id-conflict-policy",
    type=choice(WorkflowIDConflictPolicy),
    help="What to do if it runs. By default, fail; with --signal, use-existing.",
)
@click.option("--execution-timeout", type=duration, help="Bounds the workflow with its retries, for example 1h30m.")
@click.option("--run-timeout", type=duration, help="Bounds one run.")
@click.option("--task-timeout", type=duration, help="Bounds one workflow task.")
@click.option("--start-delay", type=duration, help="Wait before the first workflow task.")
@click.option("--cron-schedule", default="", metavar="CRON", help="Run again and again: '0 12 * * *', '@every 1h30m'.")
@click.option(
    "--retry-attempts",
    type=click.IntRange(min=0),
    metavar="N",
    help="Start again when it fails, N times in all; 0: always.",
)
@click.option(
    "--retry-interval", type=duration, help="Wait this long before the second attempt; then twice as long ..."
)
@click.option(
    "--signal", "signal_name", metavar="NAME", help="A signal that it gets with the start, or the open run gets."
)
@click.option("--signal-input", "signal_inputs", multiple=True, metavar="JSON", help="An argument of the signal.")
@click.option("--summary", help="One line about this workflow.")
@click.option("--details", help="More about it, for descriptions.")
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
    id_conflict_policy: str | None,
    execution_timeout: timedelta | None,
    run_timeout: timedelta | None,
    task_timeout: timedelta | None,
    start_delay: timedelta | None,
    cron_schedule: str,
    retry_attempts: int | None,
    retry_interval: timedelta | None,
    signal_name: str | None,
    signal_inputs: tuple[str, ...],
    summary: str | None,
    details: str | None,
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
    args, signal_args = parse_inputs(inputs), parse_inputs(signal_inputs, "--signal-input")
    if signal_inputs and signal_name is None:
        raise click.UsageError("--signal-input is for a signal: name it with --signal NAME")
    retry_policy = _retry_policy(retry_attempts, retry_interval)

    async def work(client: Client) -> None:
        handle = await client.start_workflow(
            name,
            args=args,
            id=workflow_id or f"{name}-{uuid.uuid4().hex[:8]}",
            task_queue=task_queue,
            id_reuse_policy=member(WorkflowIDReusePolicy, id_reuse_policy),
            id_conflict_policy=member(WorkflowIDConflictPolicy, id_conflict_policy or "unspecified"),
            execution_timeout=execution_timeout,
            run_timeout=run_timeout,
            task_timeout=task_timeout,
            start_delay=start_delay,
            cron_schedule=cron_schedule,
            retry_policy=retry_policy,
            start_signal=signal_name,
            start_signal_args=signal_args,
            static_summary=summary,
            static_details=details,
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


def _retry_policy(attempts: int | None, interval: timedelta | None) -> RetryPolicy | None:
    if attempts is None:
        if interval is not None:
            raise click.UsageError("--retry-interval is for a workflow that is retried: add --retry-attempts N")
        return None
    if interval is None:
        return RetryPolicy(maximum_attempts=attempts)
    return RetryPolicy(maximum_attempts=attempts, initial_interval=interval)
