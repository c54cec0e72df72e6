"""`perdure schedule import`: the periodic tasks of an application, as schedules."""

from __future__ import annotations

from collections.abc import Sequence

import click

from perdure.cli.application import Application, chosen_address
from perdure.cli.definitions import load_definitions
from perdure.cli.options import connection_options, with_client
from perdure.cli.output import console, note, print_json, table
from perdure.client import Client, Schedule
from perdure.client.owned_schedules import Change, Planned, carry_out, plan
from perdure.exceptions import RequestError

_DONE = {Change.CREATE: "created", Change.UPDATE: "updated", Change.DELETE: "deleted", Change.KEEP: "as it was"}


class NoApplication(RequestError):
    """The module has no application."""


@click.command(name="import")
@click.argument("module")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@connection_options
def import_(module: str, dry_run: bool, address: str, namespace: str, as_json: bool) -> None:
    """Let the schedules be those that the application of MODULE says.

    They are the beat_schedule and add_periodic_task of a Celery application (perdure.compat.celery). Those that it has
    no more are deleted; what it never made is left alone. A worker of the application does the same when it starts.
    """
    application = load_definitions(module).application
    if application is None:
        raise NoApplication(
            f"{module} has no application with periodic tasks; give the module of one of perdure.compat.celery"
        )
    known = application

    async def work(client: Client) -> Sequence[Planned]:
        if dry_run:
            return await plan(client, known.name, known.schedules)
        return await keep_schedules(known, client)

    _show(known.name, with_client(chosen_address(application, address), namespace, work), dry_run, as_json)


async def keep_schedules(application: Application, client: Client) -> Sequence[Planned]:
    """Let the schedules be those of an application. Returns what was done."""
    planned = await plan(client, application.name, application.schedules)
    await carry_out(client, application.name, planned)
    return planned


def _show(owner: str, planned: Sequence[Planned], dry_run: bool, as_json: bool) -> None:
    if as_json:
        rows = [{"id": each.id, "change": each.change.value, **_facts(each.wanted)} for each in planned]
        print_json({"application": owner, "dry_run": dry_run, "schedules": rows})
    elif not planned:
        note(f"The application {owner} has no periodic tasks, and no schedules.")
    else:
        words = {change: change.value for change in Change} if dry_run else _DONE
        rows_of = [(words[each.change], each.id, *_facts(each.wanted).values()) for each in planned]
        console().print(table(("", "Schedule", "Task", "Task queue", "When"), rows_of))


def _facts(wanted: Schedule | None) -> dict[str, str]:
    if wanted is None:
        return {"task": "", "task_queue": "", "when": ""}
    action, spec = wanted.action, wanted.spec
    every = [f"every {each.every.total_seconds():g} s" for each in spec.intervals]
    when = [*every, *(calendar.comment or "" for calendar in spec.calendars)]
    return {
        "task": str(getattr(action, "activity", "")),
        "task_queue": str(getattr(action, "task_queue", "")),
        "when": f"{', '.join(when)} ({spec.time_zone_name})",
    }
