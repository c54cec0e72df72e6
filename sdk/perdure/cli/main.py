"""`perdure`: all commands."""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version

import click

from perdure.cli.errors import CommandGroup

COMMANDS = {
    "dev": "perdure.cli.servers:dev",
    "demo": "perdure.cli.servers:demo",
    "worker": "perdure.cli.worker:worker",
    "workflow": "perdure.cli.workflow:workflow",
    "task": "perdure.cli.task:task",
    "activity": "perdure.cli.activity:activity",
    "schedule": "perdure.cli.schedule:schedule",
    "batch": "perdure.cli.batch:batch",
    "queue": "perdure.cli.queue:queue",
    "deployment": "perdure.cli.deployment:deployment",
    "search-attribute": "perdure.cli.search_attribute:search_attribute",
    "outbox": "perdure.cli.outbox:outbox",
    "dead-letter": "perdure.cli.dead_letter:dead_letter",
    "namespace": "perdure.cli.namespace:namespace",
    "engine": "perdure.cli.servers:engine",
    "db": "perdure.cli.servers:db",
}
"""In the order of the help text. Each is imported when it is used: `perdure --help` needs no worker."""


class _Commands(CommandGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


def _version() -> str:
    try:
        return version("perdure")
    except PackageNotFoundError:
        return "not installed"


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="perdure")
def perdure() -> None:
    """Durable workflows for Python, on Redis Streams and Postgres."""


def main() -> None:
    """The entry point of the command."""
    perdure(prog_name="perdure")


if __name__ == "__main__":
    main()
