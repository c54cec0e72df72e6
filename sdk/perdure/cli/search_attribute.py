"""`perdure search-attribute`: what workflows can be found by, and its types."""

from __future__ import annotations

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, note, print_json, table
from perdure.client import Client
from perdure.common import SearchAttributeIndexedValueType
from perdure.protocol.search_attributes import TYPE_WORDS, SearchAttributeType

_KINDS = {word: SearchAttributeIndexedValueType(int(kind)) for kind, word in TYPE_WORDS.items()}


@click.group(cls=CommandGroup, name="search-attribute")
def search_attribute() -> None:
    """Look after search attributes. The first use of a name gives it its type; none needs to be created before."""


@search_attribute.command(name="list")
@connection_options
def list_(address: str, namespace: str, as_json: bool) -> None:
    """List the search attributes of the namespace."""

    async def work(client: Client) -> dict[str, SearchAttributeIndexedValueType]:
        return await client.search_attributes.list()

    known = {
        name: TYPE_WORDS[SearchAttributeType(int(kind))] for name, kind in with_client(address, namespace, work).items()
    }
    if as_json:
        print_json(known)
    elif known:
        console().print(table(("Name", "Type"), known.items()))
    else:
        note("No workflow was given a search attribute yet.")


@search_attribute.command()
@click.argument("name")
@click.argument("kind", metavar="TYPE", type=click.Choice(list(_KINDS), case_sensitive=False))
@connection_options
def create(name: str, kind: str, address: str, namespace: str, as_json: bool) -> None:
    """Give NAME a TYPE before its first use."""

    async def work(client: Client) -> None:
        await client.search_attributes.add({name: _KINDS[kind]})

    with_client(address, namespace, work)
    _done(as_json, f"Search attribute {name} is {kind}.", name)


@search_attribute.command()
@click.argument("name")
@connection_options
def remove(name: str, address: str, namespace: str, as_json: bool) -> None:
    """Forget the type of NAME: queries know it no longer. Workflows keep what they were given."""

    async def work(client: Client) -> None:
        await client.search_attributes.remove(name)

    with_client(address, namespace, work)
    _done(as_json, f"Search attribute {name} is forgotten.", name)


def _done(as_json: bool, text: str, name: str) -> None:
    if as_json:
        print_json({"name": name})
    else:
        console().print(text, markup=False)
