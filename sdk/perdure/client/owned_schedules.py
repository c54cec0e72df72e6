"""Schedules that a program owns: kept as it says, so that what it says no more is deleted.

Rules: a schedule's memo says whose it is; what somebody else made is never changed. What people did to a schedule (a
pause, a note) stays. What is done already, also by another process at the same time, is well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from perdure.client.client import Client
from perdure.client.failures import ScheduleAlreadyRunningError
from perdure.client.schedule import Schedule
from perdure.client.schedule_description import ScheduleUpdate, ScheduleUpdateInput
from perdure.exceptions import RequestError
from perdure.service import RPCError, RPCStatusCode

OWNER = "perdure.owner"
"""The key under which the memo says whose a schedule is."""


class Change(Enum):
    """What is done about a schedule."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"


class Planned(NamedTuple):
    """One schedule, and what is done about it; `wanted` is None if it is to go."""

    id: str
    change: Change
    wanted: Schedule | None


class NotOwned(RequestError):
    """There is a schedule of this id that somebody else made."""

    def __init__(self, id: str, owner: str) -> None:
        super().__init__(
            f"there is a schedule {id!r} that {owner!r} has not made, and does not change; name yours otherwise, or "
            f"delete that one: perdure schedule delete {id!r}"
        )
        self.id = id


async def plan(client: Client, owner: str, wanted: Mapping[str, Schedule]) -> Sequence[Planned]:
    """What is to be done so that the schedules of an owner are those that are wanted, by id."""
    owned = {row.id async for row in await client.list_schedules() if (await row.memo()).get(OWNER) == owner}
    planned = [Planned(id, Change.DELETE, None) for id in sorted(owned - wanted.keys())]
    for id, schedule in sorted(wanted.items()):
        change = Change.CREATE
        if id in owned:
            found = await client.get_schedule_handle(id).describe()
            is_same = _said(found.schedule, client) == _said(schedule, client)
            change = Change.KEEP if is_same else Change.UPDATE
        planned.append(Planned(id, change, schedule))
    return planned


async def carry_out(client: Client, owner: str, planned: Sequence[Planned]) -> None:
    """Do what was planned.

    Raises:
        NotOwned: an id is somebody else's; what stands before it is done.
    """
    for id, change, wanted in planned:
        if change is Change.DELETE:
            await _delete(client, id)
        elif change is not Change.KEEP:
            assert wanted is not None
            await _put(client, owner, id, wanted)


async def _put(client: Client, owner: str, id: str, wanted: Schedule) -> None:
    try:
        await client.create_schedule(id, wanted, memo={OWNER: owner})
        return
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(id)
    if (await (await handle.describe()).memo()).get(OWNER) != owner:
        raise NotOwned(id, owner)

    def updater(input: ScheduleUpdateInput) -> ScheduleUpdate:
        found = input.description.schedule
        found.action, found.spec, found.policy = wanted.action, wanted.spec, wanted.policy
        return ScheduleUpdate(found)

    await handle.update(updater)


async def _delete(client: Client, id: str) -> None:
    try:
        await client.get_schedule_handle(id).delete()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


def _said(schedule: Schedule, client: Client) -> Any:
    """What of a schedule its owner says, in a form that can be compared."""
    sent = schedule.to_wire(client._connection)
    action = sent.action.activity or sent.action.workflow
    assert action is not None
    return action._replace(request_id="", identity=""), sent.spec, sent.policy
