"""`perdure queue`: what waits in task queues, and how fast and how many at a time they hand it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, note, print_json, table
from perdure.cli.queue_options import NONE, Count, Duration, Rate, quoted
from perdure.cli.queue_views import lane_row, limits_text, queue_json, settings_json, show_queue
from perdure.client import Client, TaskQueueDescription, TaskQueueSettings
from perdure.common import UNSET, Unset

key_option = click.option("--key", help="Of this fairness key alone.")


@click.group(cls=CommandGroup)
def queue() -> None:
    """Look after task queues: what waits in them, and how fast and how many at a time they hand it out."""


@queue.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List the task queues of the namespace: what waits, since when, what runs, how fast it goes, and who works."""

    async def work(client: Client) -> list[TaskQueueDescription]:
        return await client.task_queues.list()

    found = with_client(address, namespace, work)
    if as_json:
        print_json([queue_json(row) for row in found])
        return
    columns = ("Queue", "Tasks", "Waiting", "Oldest", "Running", "Rate", "Workers", "Limits")
    rows = [
        (row.name, *lane_row(kind, lane), limits_text(row.settings) if kind == "activities" else "")
        for row in found
        for kind, lane in (("workflow tasks", row.workflows), ("activities", row.activities))
        if lane.waiting or lane.running or lane.workers or (kind == "activities" and row.settings.revision)
    ]
    console().print(table(columns, rows))


@queue.command()
@click.argument("name")
@connection_options
def show(name: str, address: str, namespace: str, as_json: bool) -> None:
    """Show the task queue NAME: what waits and runs, its limits, its fairness keys and its workers."""

    async def work(client: Client) -> TaskQueueDescription:
        return await client.task_queues.describe(name)

    found = with_client(address, namespace, work)
    if as_json:
        print_json(queue_json(found))
        return
    show_queue(found)


@queue.command(name="set")
@click.argument("name")
@click.option("--rate", type=Rate(), help="What may begin in a time, in the unit of the tasks' costs; or none.")
@click.option("--burst", type=Count(), help="What may begin at once after a quiet time.")
@click.option("--concurrency", type=Count(), help="Tasks that are with workers at the same time; or none.")
@click.option("--key-rate", type=Rate(), help="As --rate, for each fairness key by itself.")
@click.option("--key-burst", type=Count(), help="As --burst, for each fairness key by itself.")
@click.option("--key-concurrency", type=Count(), help="As --concurrency, for each fairness key by itself.")
@click.option("--key", help="Set --rate, --burst, --concurrency and --weight of this fairness key alone.")
@click.option("--weight", help="The share of the key, from 0.001 to 1000; none: what its tasks say.")
@click.option("--revision", type=int, help="Only if the queue is at this revision still.")
@connection_options
def set_(
    name: str,
    rate: float | None,
    burst: int | None,
    concurrency: int | None,
    key_rate: float | None,
    key_burst: int | None,
    key_concurrency: int | None,
    key: str | None,
    weight: str | None,
    revision: int | None,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Limit what the task queue NAME hands out. What is not given stays as it is; `none` takes a limit away."""
    options = (rate, burst, concurrency, key_rate, key_burst, key_concurrency, weight)
    if all(option is None for option in options):
        raise click.UsageError("give at least one limit, such as --rate 100, or --rate none")
    if key is None and weight is not None:
        raise click.UsageError("--weight belongs to a fairness key; give --key, too")
    if key is not None and any(option is not None for option in (key_rate, key_burst, key_concurrency)):
        raise click.UsageError("with --key, give --rate, --burst, --concurrency or --weight")

    async def work(client: Client) -> TaskQueueSettings:
        queues = client.task_queues
        limits = {"rate": _told(rate), "burst": _burst(burst), "concurrency": _told(concurrency)}
        if key is not None:
            return await queues.set_key(name, key, weight=_weight(weight), **limits)
        return await queues.set_limits(
            name,
            **limits,
            key_rate=_told(key_rate),
            key_burst=_burst(key_burst),
            key_concurrency=_told(key_concurrency),
            revision=revision,
        )

    _changed(name, work, address, namespace, as_json)


@queue.command()
@click.argument("name")
@key_option
@click.option("--for", "duration", type=Duration(), help="For so long; by default until it is resumed.")
@click.option("--reason", default="", help="Shown to whoever looks at the queue.")
@connection_options
def pause(
    name: str,
    key: str | None,
    duration: timedelta | None,
    reason: str,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Hand out no more activities of the task queue NAME. What workers have runs on, and so do workflows."""

    async def work(client: Client) -> TaskQueueSettings:
        return await client.task_queues.pause(name, key=key, duration=duration, reason=reason)

    _changed(name, work, address, namespace, as_json)


@queue.command()
@click.argument("name")
@key_option
@connection_options
def resume(name: str, key: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Hand out activities of the task queue NAME again."""

    async def work(client: Client) -> TaskQueueSettings:
        return await client.task_queues.resume(name, key=key)

    _changed(name, work, address, namespace, as_json)


@queue.command()
@click.argument("name")
@click.option("--timeout", type=Duration(), help="How long to wait; by default until nothing runs.")
@click.option("--reason", default="", help="Shown to whoever looks at the queue.")
@connection_options
def drain(name: str, timeout: timedelta | None, reason: str, address: str, namespace: str, as_json: bool) -> None:
    """Pause the task queue NAME, and wait until workers have finished the activities that they have."""

    async def work(client: Client) -> TaskQueueDescription:
        return await client.task_queues.drain(name, reason=reason, timeout=timeout)

    try:
        found = with_client(address, namespace, work)
    except TimeoutError:
        raise click.ClickException(f"activities of {name} still run; the queue stays paused") from None
    if as_json:
        print_json(queue_json(found))
    else:
        console().print(f"{name} is paused, and nothing of it runs.", markup=False)


@queue.command()
@click.argument("name")
@click.option("--reason", default="", help="What the failure of each activity says.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
def purge(name: str, reason: str, yes: bool, address: str, namespace: str, as_json: bool) -> None:
    """Fail, for good, the activities that wait in the paused task queue NAME. Their workflows are told."""

    async def look(client: Client) -> TaskQueueDescription:
        return await client.task_queues.describe(name)

    async def work(client: Client) -> int:
        return await client.task_queues.purge(name, reason=reason)

    found = with_client(address, namespace, look)
    if not found.settings.is_paused:
        raise click.ClickException(f"{name} is not paused; `perdure queue pause {name}` first, so that nothing begins")
    if not yes:
        click.confirm(
            f"{found.activities.waiting:,} activities wait in {name}. Fail them for good?", abort=True, err=True
        )
    total = with_client(address, namespace, work)
    if as_json:
        print_json({"name": name, "purged": total})
    else:
        console().print(f"{total:,} activities of {name} have failed.", markup=False)


@queue.command()
@click.argument("name")
@click.option("--activity-type", help="Only tasks of this type.")
@click.option("--limit", type=click.IntRange(min=1), help="Look at so many at the most, the newest first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
def requeue(
    name: str, activity_type: str | None, limit: int | None, yes: bool, address: str, namespace: str, as_json: bool
) -> None:
    """Start the dead tasks of the task queue NAME again: those that failed for good, or ran out of time. Each keeps its
    id and its arguments; one whose id has been started since is left alone."""
    query = f"TaskQueue = {quoted(name)} AND ExecutionStatus IN ('Failed', 'TimedOut')"
    if activity_type is not None:
        query += f" AND ActivityType = {quoted(activity_type)}"

    async def look(client: Client) -> int:
        return (await client.count_activities(query)).count

    async def work(client: Client) -> int:
        return await client.requeue_activities(query, limit=limit)

    if not yes:
        dead = with_client(address, namespace, look)
        asked = f"{min(dead, limit):,} of {dead:,}" if limit is not None and limit < dead else f"{dead:,}"
        if not dead:
            note(f"There is no dead task of {name} in namespace {namespace}.")
        else:
            click.confirm(f"Start {asked} dead tasks of {name} again?", abort=True, err=True)
    total = with_client(address, namespace, work)
    if as_json:
        print_json({"name": name, "requeued": total})
    else:
        console().print(f"{total:,} tasks of {name} have been started again.", markup=False)


def _changed(
    name: str,
    work: Callable[[Client], Awaitable[TaskQueueSettings]],
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    settings = with_client(address, namespace, work)
    if as_json:
        print_json(settings_json(settings))
    else:
        console().print(f"{name}: {limits_text(settings) or 'no limits'}", markup=False)


def _told(value: float | None) -> Any:
    """What an option says: nothing, none, or a limit."""
    return UNSET if value is None else value or None


def _burst(value: int | None) -> int | Unset:
    return UNSET if value is None else value or 1


def _weight(text: str | None) -> float | Unset | None:
    if text is None:
        return UNSET
    if text == NONE:
        return None
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"--weight is {text!r}; give a number from 0.001 to 1000, or none") from None
