"""`perdure dead-letter`: what could not be carried out."""

from __future__ import annotations

import base64
from typing import Any

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, facts, note, print_json, table, time_text
from perdure.client import Client, DeadLetter


@click.group(cls=CommandGroup, name="dead-letter")
def dead_letter() -> None:
    """List, show and retry what could not be carried out."""


@dead_letter.command(name="list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@connection_options
def list_(limit: int, address: str, namespace: str, as_json: bool) -> None:
    """List dead letters, newest first."""

    async def work(client: Client) -> list[DeadLetter]:
        return [letter async for letter in client.dead_letters.list(limit=limit)]

    letters = with_client(address, namespace, work)
    if as_json:
        print_json([_data(letter) for letter in letters])
    elif not letters:
        note("There are no dead letters.")
    else:
        rows = (
            (letter.id, time_text(letter.time), letter.shard_id, letter.source, letter.reason) for letter in letters
        )
        console().print(table(("Id", "Time", "Shard", "What it was", "Reason"), rows))


@dead_letter.command()
@click.argument("letter_id")
@connection_options
def show(letter_id: str, address: str, namespace: str, as_json: bool) -> None:
    """Show one dead letter, with its bytes."""

    async def work(client: Client) -> DeadLetter:
        return await client.dead_letters.get(letter_id)

    letter = with_client(address, namespace, work)
    if as_json:
        print_json({**_data(letter), "data_base64": base64.b64encode(letter.data).decode()})
        return
    console().print(
        facts(
            (
                ("Id", letter.id),
                ("Time", time_text(letter.time)),
                ("Shard", letter.shard_id),
                ("What it was", letter.source),
                ("Reason", letter.reason),
                ("Data", f"{len(letter.data):,} bytes: {letter.data[:200]!r}"),
            )
        )
    )


@dead_letter.command()
@click.argument("letter_id")
@connection_options
def retry(letter_id: str, address: str, namespace: str, as_json: bool) -> None:
    """Carry a dead letter out once more, after the reason has been mended."""

    async def work(client: Client) -> None:
        await client.dead_letters.retry(letter_id)

    with_client(address, namespace, work)
    if as_json:
        print_json({"id": letter_id, "retried": True})
    else:
        console().print(f"Sent {letter_id} once more.", markup=False)


def _data(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "time": letter.time,
        "shard_id": letter.shard_id,
        "source": letter.source,
        "reason": letter.reason,
    }
