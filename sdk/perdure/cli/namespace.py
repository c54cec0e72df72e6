"""`perdure namespace`: how long closed runs are kept."""

from __future__ import annotations

from datetime import timedelta

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import duration
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, duration_text, note, print_json, table
from perdure.client import Client


@click.group(cls=CommandGroup)
def namespace() -> None:
    """Look after namespaces: how long each keeps its closed runs."""


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
