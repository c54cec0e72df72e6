"""A handle to a schedule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from perdure.client.connection import Connection
from perdure.client.schedule import ScheduleBackfill, ScheduleOverlapPolicy
from perdure.client.schedule_description import ScheduleDescription, ScheduleUpdate, ScheduleUpdateInput
from perdure.client.schedule_inputs import (
    BackfillScheduleInput,
    DeleteScheduleInput,
    DescribeScheduleInput,
    PauseScheduleInput,
    TriggerScheduleInput,
    UnpauseScheduleInput,
    UpdateScheduleInput,
)


class ScheduleHandle:
    """A schedule; made by `Client.create_schedule` and `Client.get_schedule_handle`. What is done by a handle is
    durable when it returns.

    Each method raises an `RPCError`: NOT_FOUND, if there is no schedule of this id.

    Attributes:
        id: The id of the schedule.
    """

    def __init__(self, connection: Connection, id: str) -> None:
        self._connection = connection
        self.id = id

    async def backfill(self, *backfill: ScheduleBackfill, rpc_timeout: timedelta | None = None) -> None:
        """Take the actions of these times now, whatever the state of the schedule is.

        Raises:
            ValueError: none was given.
        """
        if not backfill:
            raise ValueError("At least one backfill required")
        await self._connection.calls.backfill_schedule(BackfillScheduleInput(self.id, backfill, rpc_timeout))

    async def delete(self, *, rpc_timeout: timedelta | None = None) -> None:
        """Delete the schedule. What it started goes on."""
        await self._connection.calls.delete_schedule(DeleteScheduleInput(self.id, rpc_timeout))

    async def describe(self, *, rpc_timeout: timedelta | None = None) -> ScheduleDescription:
        """What the schedule is, what it has done and will do."""
        return await self._connection.calls.describe_schedule(DescribeScheduleInput(self.id, rpc_timeout))

    async def pause(self, *, note: str | None = None, rpc_timeout: timedelta | None = None) -> None:
        """Take no action by itself from now on; `note` says why."""
        await self._connection.calls.pause_schedule(PauseScheduleInput(self.id, note, rpc_timeout))

    async def trigger(
        self, *, overlap: ScheduleOverlapPolicy | None = None, rpc_timeout: timedelta | None = None
    ) -> None:
        """Take the action now; `overlap` says what if the last one still runs (None: the policy of the schedule)."""
        await self._connection.calls.trigger_schedule(TriggerScheduleInput(self.id, overlap, rpc_timeout))

    async def unpause(self, *, note: str | None = None, rpc_timeout: timedelta | None = None) -> None:
        """Go on. What has passed meanwhile is not made up for."""
        await self._connection.calls.unpause_schedule(UnpauseScheduleInput(self.id, note, rpc_timeout))

    async def update(
        self,
        updater: Callable[[ScheduleUpdateInput], ScheduleUpdate | Awaitable[ScheduleUpdate | None] | None],
        *,
        rpc_timeout: timedelta | None = None,
    ) -> None:
        """Change what the schedule is: `updater` is given what it is, and returns what it is to be, or None for no
        change. It may be a coroutine function, and it is called again if the schedule is changed by somebody else
        meanwhile. `rpc_timeout` is for each request."""
        await self._connection.calls.update_schedule(UpdateScheduleInput(self.id, updater, rpc_timeout))
