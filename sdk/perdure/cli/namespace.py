"""`perdure namespace`: how long closed runs are kept."""

from __future__ import annotations

from datetime import timedelta

import click

from perdure.cli.batch_run import BatchStart, carry_out, check, rate_option, yes_option
from perdure.cli.errors import CommandFailed, CommandGroup
from perdure.cli.json_input import duration
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, duration_text, facts, note, print_json, table, time_text
from perdure.client import BatchOperationType, Client, Namespace


@click.group(cls=CommandGroup)
def namespace() -> None:
    """Look after namespaces. Any name may be used without being created; it keeps its closed runs for 3 days."""


@namespace.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List the namespaces that say how long they keep their closed runs."""

    async def work(client: Client) -> dict[str, timedelta]:
        return await client.namespaces.retentions()

    retentions = with_client(address, namespace, work)
    if as_json:
        print_json([{"namespace": name, "retention": kept.total_seconds()} for name, kept in retentions.items()])
        return
    rows = ((name, duration_text(kept)) for name, kept in retentions.items())
    console().print(table(("Namespace", "Closed runs are kept for"), rows))
    note("Every other namespace keeps them for 3 days.")


@namespace.command()
@click.argument("name")
@click.argument("kept", metavar="DURATION", type=duration)
@connection_options
def retention(name: str, kept: timedelta, address: str, namespace: str, as_json: bool) -> None:
    """Keep the closed runs of the namespace NAME for DURATION (such as 7d or 12h) from now on.

    What is older is forgotten within seconds, with its history.
    """

    async def work(client: Client) -> None:
        await client.namespaces.set_retention(name, kept)

    with_client(address, namespace, work)
    if as_json:
        print_json({"namespace": name, "retention": kept.total_seconds()})
    else:
        console().print(f"Closed runs of {name} are kept for {duration_text(kept)}.", markup=False)


@namespace.command()
@click.argument("name")
@click.option("--retention", "kept", type=duration, help="How long closed runs are kept; by default 3d.")
@click.option("--description", default="", help="What it is for.")
@connection_options
def create(name: str, kept: timedelta | None, description: str, address: str, namespace: str, as_json: bool) -> None:
    """Register the namespace NAME."""

    async def work(client: Client) -> Namespace:
        return await client.namespaces.create(name, retention=kept, description=description)

    _print(with_client(address, namespace, work), as_json)


@namespace.command()
@click.argument("name")
@click.option("--retention", "kept", type=duration, help="How long closed runs are kept from now on.")
@click.option("--description", help="What it is for.")
@connection_options
def update(
    name: str, kept: timedelta | None, description: str | None, address: str, namespace: str, as_json: bool
) -> None:
    """Change what is known of the namespace NAME."""

    async def work(client: Client) -> Namespace:
        return await client.namespaces.update(name, retention=kept, description=description)

    _print(with_client(address, namespace, work), as_json)


@namespace.command()
@click.argument("name")
@connection_options
def describe(name: str, address: str, namespace: str, as_json: bool) -> None:
    """Say what is known of the namespace NAME."""

    async def work(client: Client) -> Namespace:
        return await client.namespaces.describe(name)

    _print(with_client(address, namespace, work), as_json)


@namespace.command()
@click.argument("name")
@click.option("--delete-runs", is_flag=True, help="Delete its workflows first; those that run are terminated.")
@rate_option
@yes_option
@connection_options
def delete(name: str, delete_runs: bool, rate: int, yes: bool, address: str, namespace: str, as_json: bool) -> None:
    """Forget the namespace NAME: what was registered of it, and the types of its search attributes.

    It must have no schedules, and no workflows, unless --delete-runs says that these are to go, too.
    """
    if delete_runs:
        if with_client(address, name, _has_schedules):
            raise CommandFailed(
                f"the namespace {name!r} has schedules, which would start more runs: delete them first (`perdure "
                f"schedule list --namespace {name}`); nothing was deleted"
            )
        start = BatchStart(BatchOperationType.DELETE, "WorkflowId IS NOT NULL", rate, f"namespace {name} is deleted")
        check(carry_out(start, address, name, yes=yes, wait=True, shows=not as_json))

    async def work(client: Client) -> None:
        await client.namespaces.delete(name)

    with_client(address, namespace, work)
    if as_json:
        print_json({"namespace": name})
    else:
        console().print(f"Namespace {name} is forgotten.", markup=False)


async def _has_schedules(client: Client) -> bool:
    async for _ in await client.list_schedules(page_size=1):
        return True
    return False


def _print(found: Namespace, as_json: bool) -> None:
    if as_json:
        data = {"namespace": found.name, "retention": found.retention.total_seconds()}
        print_json({**data, "description": found.description, "created": found.created})
        return
    created = time_text(found.created) or "not registered; the defaults hold"
    rows = (
        ("Namespace", found.name),
        ("Description", found.description),
        ("Closed runs are kept for", duration_text(found.retention)),
        ("Registered", created),
    )
    console().print(facts(rows))
