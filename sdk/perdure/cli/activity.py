"""`perdure activity`: what operators do to the activities of a workflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import duration, parse_inputs, parse_json
from perdure.cli.options import connection_options, input_option, run_id_option, with_client
from perdure.cli.output import console, print_json
from perdure.client import AsyncActivityHandle, Client, WorkflowHandle
from perdure.common import UNSET
from perdure.exceptions import ApplicationError

Command = Callable[..., Any]


@click.group(cls=CommandGroup)
def activity() -> None:
    """Pause, unpause, reset, complete or fail activities of workflows."""


def _meant(command: Command) -> Command:
    """Which activities of which workflow a command is about, and why."""
    for decorate in (
        connection_options,
        run_id_option,
        click.option("--reason", default="", help="Why; kept in the history."),
        click.option("--type", "activity_type", help="All pending activities of this type, in place of an id."),
        click.argument("activity_id", required=False),
        click.argument("workflow_id"),
    ):
        command = decorate(command)
    return command


_jitter_option = click.option("--jitter", type=duration, help="Begin at random within this time, such as 30s.")
_reset_heartbeat_option = click.option(
    "--reset-heartbeat", is_flag=True, help="The attempt that begins finds no heartbeat details."
)


@activity.command()
@_meant
def pause(workflow_id: str, **options: Any) -> None:
    """Let no further attempt of an activity begin.

    One that runs is asked to end if it sends heartbeats; any other one may finish.
    """

    async def work(handle: WorkflowHandle[Any, Any], which: dict[str, Any]) -> None:
        await handle.pause_activity(**which)

    _change("Paused", workflow_id, options, work)


@activity.command()
@_jitter_option
@click.option("--reset-attempts", is_flag=True, help="The attempt that begins counts as the first.")
@_reset_heartbeat_option
@_meant
def unpause(
    workflow_id: str, jitter: timedelta | None, reset_attempts: bool, reset_heartbeat: bool, **options: Any
) -> None:
    """Let a paused activity go on, at once."""

    async def work(handle: WorkflowHandle[Any, Any], which: dict[str, Any]) -> None:
        await handle.unpause_activity(
            **which, jitter=jitter, reset_attempts=reset_attempts, reset_heartbeat=reset_heartbeat
        )

    _change("Unpaused", workflow_id, options, work)


@activity.command()
@_jitter_option
@_reset_heartbeat_option
@click.option("--keep-paused", is_flag=True, help="A paused activity stays paused.")
@_meant
def reset(workflow_id: str, jitter: timedelta | None, reset_heartbeat: bool, keep_paused: bool, **options: Any) -> None:
    """Let an activity begin anew: its next attempt counts as the first.

    One that waits begins at once. One that runs is asked to end if it sends heartbeats, and begins again.
    """

    async def work(handle: WorkflowHandle[Any, Any], which: dict[str, Any]) -> None:
        await handle.reset_activity(**which, jitter=jitter, reset_heartbeat=reset_heartbeat, keep_paused=keep_paused)

    _change("Reset", workflow_id, options, work)


def _change(
    done: str,
    workflow_id: str,
    options: dict[str, Any],
    work: Callable[[WorkflowHandle[Any, Any], dict[str, Any]], Awaitable[None]],
) -> None:
    activity_id, activity_type = options["activity_id"], options["activity_type"]
    if (activity_id is None) == (activity_type is None):
        raise click.UsageError("give the id of an activity, or --type for all of a type, not both")
    which = {"activity_id": activity_id, "activity_type": activity_type, "reason": options["reason"]}

    async def change(client: Client) -> None:
        await work(client.get_workflow_handle(workflow_id, run_id=options["run_id"]), which)

    with_client(options["address"], options["namespace"], change)
    name = activity_id if activity_id is not None else f"all of the type {activity_type}"
    _done(options["as_json"], f"{done} {name} of {workflow_id}", workflow_id, **which)


# In place of its worker ---------------------------------------------------------------------------------------------


@activity.command()
@click.argument("workflow_id")
@click.argument("activity_id")
@click.option("--result", metavar="JSON", help="What it returns, as JSON, or @file, or @- for standard input.")
@run_id_option
@connection_options
def complete(workflow_id: str, activity_id: str, result: str | None, **options: Any) -> None:
    """Complete an activity, with a result or none. A result of its worker comes too late then."""
    value = UNSET if result is None else parse_json(result, "--result")

    async def work(handle: AsyncActivityHandle) -> None:
        await handle.complete(value)

    _report("Completed", workflow_id, activity_id, options, work)


@activity.command()
@click.argument("workflow_id")
@click.argument("activity_id")
@click.option("--reason", default="failed by hand", show_default=True, help="The message of the error.")
@click.option("--type", "error_type", help="The type of the error, which retry policies name.")
@click.option("--non-retryable", is_flag=True, help="There is no further attempt, whatever the retry policy says.")
@run_id_option
@connection_options
def fail(
    workflow_id: str, activity_id: str, reason: str, error_type: str | None, non_retryable: bool, **options: Any
) -> None:
    """End the attempt of an activity by an error; its retry policy says whether there is another one."""

    async def work(handle: AsyncActivityHandle) -> None:
        await handle.fail(ApplicationError(reason, type=error_type, non_retryable=non_retryable))

    _report("Failed", workflow_id, activity_id, options, work)


@activity.command()
@click.argument("workflow_id")
@click.argument("activity_id")
@input_option
@run_id_option
@connection_options
def heartbeat(workflow_id: str, activity_id: str, inputs: tuple[str, ...], **options: Any) -> None:
    """Say that an activity is alive, with details of how far it is (--input)."""
    details = parse_inputs(inputs)

    async def work(handle: AsyncActivityHandle) -> None:
        await handle.heartbeat(*details)

    _report("Heard of", workflow_id, activity_id, options, work)


def _report(
    done: str,
    workflow_id: str,
    activity_id: str,
    options: dict[str, Any],
    work: Callable[[AsyncActivityHandle], Awaitable[None]],
) -> None:
    async def report(client: Client) -> None:
        await work(
            client.get_async_activity_handle(workflow_id=workflow_id, run_id=options["run_id"], activity_id=activity_id)
        )

    with_client(options["address"], options["namespace"], report)
    _done(options["as_json"], f"{done} {activity_id} of {workflow_id}", workflow_id, activity_id=activity_id)


def _done(as_json: bool, text: str, workflow_id: str, **more: Any) -> None:
    if as_json:
        print_json({"workflow_id": workflow_id, **more})
    else:
        console().print(text, markup=False)
