"""`perdure deployment`: the versions of workers, and where runs are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, print_json, table
from perdure.client import Client, WorkerDeploymentDescription, WorkerDeploymentVersionDescription

UNVERSIONED = "(workers without a version)"


@click.group(cls=CommandGroup)
def deployment() -> None:
    """Look after worker deployments: which version new runs go to, and what still runs on the others."""


@deployment.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List the worker deployments of the namespace."""

    async def work(client: Client) -> list[WorkerDeploymentDescription]:
        return await client.deployments.list()

    found = with_client(address, namespace, work)
    if as_json:
        print_json([_as_json(row) for row in found])
        return
    rows = ((row.name, *_routing(row), ", ".join(v.version.build_id for v in row.versions)) for row in found)
    console().print(table(("Deployment", "Current", "Ramping", "Versions"), rows))


@deployment.command()
@click.argument("name")
@connection_options
def describe(name: str, address: str, namespace: str, as_json: bool) -> None:
    """Show the versions of the deployment NAME: their status, their workers, what is pinned to them."""

    async def work(client: Client) -> WorkerDeploymentDescription:
        return await client.deployments.describe(name)

    _show(with_client(address, namespace, work), as_json)


def change_options(command: Callable[..., None]) -> Callable[..., None]:
    """What a change may say."""
    for option in (
        click.option("--revision", type=int, help="Only if the deployment is at this revision still."),
        click.option("--allow-no-pollers", is_flag=True, help="Even if no worker of the version is running."),
        click.option(
            "--ignore-missing-task-queues",
            is_flag=True,
            help="Even if the version has no workers on a task queue of the current one.",
        ),
    ):
        command = option(command)
    return command


@deployment.command(name="set-current")
@click.argument("name")
@click.argument("build_id", required=False)
@click.option("--unversioned", is_flag=True, help="Send runs to workers without a version.")
@change_options
@connection_options
def set_current(
    name: str,
    build_id: str | None,
    unversioned: bool,
    revision: int | None,
    allow_no_pollers: bool,
    ignore_missing_task_queues: bool,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Send new runs of the deployment NAME, and those that upgrade by themselves, to the version BUILD_ID."""
    if unversioned == (build_id is not None):
        raise click.UsageError("give a BUILD_ID, or --unversioned")

    async def work(client: Client) -> WorkerDeploymentDescription:
        return await client.deployments.set_current(
            name,
            build_id,
            ignore_missing_task_queues=ignore_missing_task_queues,
            allow_no_pollers=allow_no_pollers,
            revision=revision,
        )

    _changed(with_client(address, namespace, work), as_json)


@deployment.command(name="set-ramping")
@click.argument("name")
@click.argument("build_id", required=False)
@click.option("--percentage", type=click.FloatRange(0, 100), help="How many of the runs, from 0 to 100.")
@click.option("--end", is_flag=True, help="Send all runs to the current version again.")
@change_options
@connection_options
def set_ramping(
    name: str,
    build_id: str | None,
    percentage: float | None,
    end: bool,
    revision: int | None,
    allow_no_pollers: bool,
    ignore_missing_task_queues: bool,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Send a percentage of the runs of the deployment NAME to the version BUILD_ID."""
    if end == (build_id is not None) or end == (percentage is not None):
        raise click.UsageError("give a BUILD_ID and a --percentage, or --end")

    async def work(client: Client) -> WorkerDeploymentDescription:
        return await client.deployments.set_ramping(
            name,
            build_id,
            percentage or 0.0,
            ignore_missing_task_queues=ignore_missing_task_queues,
            allow_no_pollers=allow_no_pollers,
            revision=revision,
        )

    _changed(with_client(address, namespace, work), as_json)


@deployment.command()
@click.argument("name")
@click.argument("build_id", required=False)
@click.option("--skip-drainage", is_flag=True, help="Even if open runs are pinned to the version.")
@connection_options
def delete(name: str, build_id: str | None, skip_drainage: bool, address: str, namespace: str, as_json: bool) -> None:
    """Forget the version BUILD_ID of the deployment NAME or, without one, the deployment, once it has no versions."""

    async def work(client: Client) -> None:
        if build_id is None:
            await client.deployments.delete(name)
        else:
            await client.deployments.delete_version(name, build_id, skip_drainage=skip_drainage)

    with_client(address, namespace, work)
    if as_json:
        print_json({"name": name, "buildId": build_id})
    else:
        console().print(f"Forgot {name if build_id is None else f'{name}.{build_id}'}.", markup=False)


def _routing(found: WorkerDeploymentDescription) -> tuple[str, str]:
    current = UNVERSIONED if found.current_version is None else found.current_version.build_id
    if found.ramping_version is None:
        return current, ""
    return current, f"{found.ramping_version.build_id} ({found.ramping_percentage:g} %)"


def _changed(found: WorkerDeploymentDescription, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(found))
        return
    current, ramping = _routing(found)
    console().print(f"Runs of {found.name} go to {current}" + (f", some to {ramping}" if ramping else ""), markup=False)


def _show(found: WorkerDeploymentDescription, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(found))
        return
    current, ramping = _routing(found)
    console().print(f"Current: {current}    Ramping: {ramping or '-'}    Revision: {found.revision}", markup=False)
    rows = [_row(version) for version in found.versions]
    console().print(table(("Build id", "Status", "Pinned runs", "Workers", "Workflow queues", "Activity queues"), rows))


def _row(version: WorkerDeploymentVersionDescription) -> tuple[str, ...]:
    return (
        version.version.build_id,
        "" if version.status is None else version.status.name,
        str(version.pinned_runs),
        str(version.workers),
        ", ".join(version.workflow_task_queues),
        ", ".join(version.activity_task_queues),
    )


def _as_json(found: WorkerDeploymentDescription) -> dict[str, Any]:
    return {
        "name": found.name,
        "currentBuildId": None if found.current_version is None else found.current_version.build_id,
        "rampingBuildId": None if found.ramping_version is None else found.ramping_version.build_id,
        "rampingPercentage": found.ramping_percentage,
        "revision": found.revision,
        "versions": [
            {
                "buildId": version.version.build_id,
                "status": None if version.status is None else version.status.name,
                "pinnedRuns": version.pinned_runs,
                "workers": version.workers,
                "workflowTaskQueues": list(version.workflow_task_queues),
                "activityTaskQueues": list(version.activity_task_queues),
            }
            for version in found.versions
        ],
    }
