"""`perdure schedule`: workflows, and activities without one, that are started again and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from perdure.cli.errors import CommandGroup
from perdure.cli.json_input import duration
from perdure.cli.options import choice, connection_options, member, with_client
from perdure.cli.output import console, note, print_json
from perdure.cli.schedule_action import action_of, action_options
from perdure.cli.schedule_import import import_
from perdure.cli.schedule_views import listed_data, print_description, print_list
from perdure.client import (
    Client,
    Schedule,
    ScheduleBackfill,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleListDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

Command = TypeVar("Command", bound=Callable[..., Any])


def moment(text: str) -> datetime:
    """`2027-01-31T09:00`, in UTC unless it says otherwise. A type for options."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; write 2027-01-31T09:00 (which is UTC) or 2027-01-31T09:00+01:00"
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def interval(text: str) -> ScheduleIntervalSpec:
    """`1h30m`, or `1h/15m`: with an offset. A type for options."""
    every, slash, offset = text.partition("/")
    return ScheduleIntervalSpec(duration(every), duration(offset) if slash else None)


OVERLAP = choice(ScheduleOverlapPolicy)


def spec_options(command: Command) -> Command:
    """When the action is taken, and how."""
    for option in reversed(
        [
            click.option("--cron", multiple=True, metavar="CRON", help="Such as '0 9 * * MON-FRI'. May be repeated."),
            click.option(
                "--every", "intervals", type=interval, multiple=True, help="Such as 1h30m, or 1h/15m: with an offset."
            ),
            click.option("--time-zone", metavar="NAME", help="Of cron expressions, such as Europe/Berlin."),
            click.option("--start-at", type=moment, help="Nothing before that."),
            click.option("--end-at", type=moment, help="Nothing after that."),
            click.option("--jitter", type=duration, help="Each action up to so much later."),
            click.option("--overlap", type=OVERLAP, help="What if the last one still runs; by default skip."),
            click.option("--catchup-window", type=duration, help="How late an action may be taken; by default a year."),
            click.option("--pause-on-failure/--no-pause-on-failure", default=None, help="Pause it when one fails."),
            click.option("--remaining-actions", type=click.IntRange(min=1), help="No more actions than these."),
            click.option("--note", help="For people."),
        ]
    ):
        command = option(command)
    return command


@click.group(cls=CommandGroup)
def schedule() -> None:
    """Start workflows or tasks again and again."""


schedule.add_command(import_)


@schedule.command()
@click.argument("schedule_id")
@action_options
@spec_options
@click.option("--paused", is_flag=True, help="Do nothing until it is unpaused.")
@click.option("--trigger", "trigger_immediately", is_flag=True, help="Take the action at once, too.")
@connection_options
def create(
    schedule_id: str,
    paused: bool,
    trigger_immediately: bool,
    address: str,
    namespace: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Create a schedule; engines carry it on from now on."""
    action = action_of(schedule_id, options)
    if not options["cron"] and not options["intervals"]:
        raise click.UsageError("say when: --cron '0 9 * * MON-FRI' or --every 1h")
    made = Schedule(action, ScheduleSpec(), SchedulePolicy(), ScheduleState(paused=paused))
    _take(options, made)

    async def work(client: Client) -> ScheduleDescription:
        handle = await client.create_schedule(schedule_id, made, trigger_immediately=trigger_immediately)
        return await handle.describe()

    print_description(with_client(address, namespace, work), as_json)


@schedule.command()
@click.argument("schedule_id")
@spec_options
@connection_options
def update(schedule_id: str, address: str, namespace: str, as_json: bool, **options: Any) -> None:
    """Change a schedule: what is given takes the place of what there is."""
    if not any(value is not None and value != () for value in options.values()):
        raise click.UsageError("say what is to be changed, for example --cron '0 9 * * MON-FRI'")

    def updater(input: ScheduleUpdateInput) -> ScheduleUpdate:
        changed = input.description.schedule
        _take(options, changed)
        return ScheduleUpdate(changed)

    async def change(handle: ScheduleHandle) -> None:
        await handle.update(updater)

    _do(schedule_id, change, address, namespace, as_json)


def _take(options: dict[str, Any], made: Schedule) -> None:
    """Write the options that were given into a schedule."""
    spec, policy, state = made.spec, made.policy, made.state
    if options["cron"] or options["intervals"]:
        spec.cron_expressions, spec.intervals, spec.calendars = options["cron"], options["intervals"], ()
    given = {name: value for name, value in options.items() if value is not None}
    spec.time_zone_name = given.get("time_zone", spec.time_zone_name)
    spec.start_at = given.get("start_at", spec.start_at)
    spec.end_at = given.get("end_at", spec.end_at)
    spec.jitter = given.get("jitter", spec.jitter)
    if "overlap" in given:
        policy.overlap = member(ScheduleOverlapPolicy, given["overlap"])
    policy.catchup_window = given.get("catchup_window", policy.catchup_window)
    policy.pause_on_failure = given.get("pause_on_failure", policy.pause_on_failure)
    if "remaining_actions" in given:
        state.limited_actions, state.remaining_actions = True, given["remaining_actions"]
    state.note = given.get("note", state.note)


@schedule.command(name="list")
@click.option(
    "--query", "list_query", metavar="QUERY", help="Which: TemporalSchedulePaused = true AND TaskQueue = 'mails'."
)
@connection_options
def list_(list_query: str | None, address: str, namespace: str, as_json: bool) -> None:
    """List schedules by their ids."""

    async def work(client: Client) -> list[ScheduleListDescription]:
        return [row async for row in await client.list_schedules(list_query)]

    rows = with_client(address, namespace, work)
    if as_json:
        print_json([listed_data(row) for row in rows])
    elif rows:
        print_list(rows)
    elif list_query:
        note(f"There is no such schedule in namespace {namespace}.")
    else:
        note("There is no schedule; `perdure schedule create` makes one.")


@schedule.command()
@click.argument("schedule_id")
@connection_options
def describe(schedule_id: str, address: str, namespace: str, as_json: bool) -> None:
    """What a schedule is, what it has done and will do."""

    async def nothing(handle: ScheduleHandle) -> None:
        return None

    _do(schedule_id, nothing, address, namespace, as_json)


@schedule.command()
@click.argument("schedule_id")
@click.option("--overlap", type=OVERLAP, help="What if the last one still runs; by default as the schedule says.")
@connection_options
def trigger(schedule_id: str, overlap: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Take the action now."""

    async def act(handle: ScheduleHandle) -> None:
        await handle.trigger(overlap=_policy(overlap))

    _do(schedule_id, act, address, namespace, as_json)


@schedule.command()
@click.argument("schedule_id")
@click.option("--note", "reason", help="Why.")
@connection_options
def pause(schedule_id: str, reason: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Take no action by itself until it is unpaused."""

    async def act(handle: ScheduleHandle) -> None:
        await handle.pause(note=reason)

    _do(schedule_id, act, address, namespace, as_json)


@schedule.command()
@click.argument("schedule_id")
@click.option("--note", "reason", help="Why.")
@connection_options
def unpause(schedule_id: str, reason: str | None, address: str, namespace: str, as_json: bool) -> None:
    """Go on; what has passed meanwhile is not made up for."""

    async def act(handle: ScheduleHandle) -> None:
        await handle.unpause(note=reason)

    _do(schedule_id, act, address, namespace, as_json)


@schedule.command()
@click.argument("schedule_id")
@click.option("--from", "start_at", type=moment, required=True, help="The first moment that counts.")
@click.option("--to", "end_at", type=moment, required=True, help="The last one.")
@click.option("--overlap", type=OVERLAP, help="buffer-all or allow-all takes all actions; by default as the schedule.")
@connection_options
def backfill(
    schedule_id: str,
    start_at: datetime,
    end_at: datetime,
    overlap: str | None,
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Take the actions of a time that is over now."""

    async def act(handle: ScheduleHandle) -> None:
        await handle.backfill(ScheduleBackfill(start_at, end_at, _policy(overlap)))

    _do(schedule_id, act, address, namespace, as_json)


@schedule.command()
@click.argument("schedule_id")
@connection_options
def delete(schedule_id: str, address: str, namespace: str, as_json: bool) -> None:
    """Delete a schedule; what it started goes on."""

    async def work(client: Client) -> None:
        await client.get_schedule_handle(schedule_id).delete()

    with_client(address, namespace, work)
    if as_json:
        print_json({"id": schedule_id, "deleted": True})
    else:
        console().print(f"Deleted the schedule {schedule_id}.", markup=False)


def _policy(overlap: str | None) -> ScheduleOverlapPolicy | None:
    return None if overlap is None else member(ScheduleOverlapPolicy, overlap)


def _do(
    schedule_id: str,
    act: Callable[[ScheduleHandle], Awaitable[None]],
    address: str,
    namespace: str,
    as_json: bool,
) -> None:
    """Do something to a schedule, and show it as it is then."""

    async def work(client: Client) -> ScheduleDescription:
        handle = client.get_schedule_handle(schedule_id)
        await act(handle)
        return await handle.describe()

    print_description(with_client(address, namespace, work), as_json)
