"""What a client offers about schedules, and what its calls do: the end of the chain of its interceptors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from perdure.client.connection import Connection, Refusal, check_text, nothing
from perdure.client.failures import ScheduleAlreadyRunningError
from perdure.client.schedule import Schedule, ScheduleBackfill
from perdure.client.schedule_description import ScheduleDescription, ScheduleUpdateInput, description_of
from perdure.client.schedule_handle import ScheduleHandle
from perdure.client.schedule_inputs import (
    BackfillScheduleInput,
    CreateScheduleInput,
    DeleteScheduleInput,
    DescribeScheduleInput,
    ListSchedulesInput,
    PauseScheduleInput,
    TriggerScheduleInput,
    UnpauseScheduleInput,
    UpdateScheduleInput,
)
from perdure.client.schedule_list import ScheduleAsyncIterator
from perdure.client.start import memo_bytes
from perdure.common import SearchAttributes, TypedSearchAttributes
from perdure.protocol import schedule as wire
from perdure.protocol.replies import ErrorCode
from perdure.search_attributes import search_attributes_to_bytes

PAGE_SIZE = 1000

PAUSED, UNPAUSED = "Paused via Python SDK", "Unpaused via Python SDK"
"""Notes of a schedule that was paused or unpaused without one: as `temporalio` writes them."""


class ScheduleClient:
    """The part of a `Client` that makes and finds schedules."""

    _connection: Connection

    async def create_schedule(
        self,
        id: str,
        schedule: Schedule,
        *,
        trigger_immediately: bool = False,
        backfill: Sequence[ScheduleBackfill] = (),
        memo: Mapping[str, Any] | None = None,
        search_attributes: TypedSearchAttributes | SearchAttributes | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ScheduleHandle:
        """Create a schedule; it is durable when this returns. The engines carry it on, whether or not this program or a
        worker runs.

        Args:
            id: The id of the schedule.
            schedule: What is done, and when.
            trigger_immediately: Take the action at once, too.
            backfill: Take the actions of these times at once, too.
            memo: Notes about the schedule, which lists and descriptions show.
            search_attributes: What lists find the schedule by; those of what it starts are the action's.
            rpc_metadata: Reaches interceptors and nobody else.
            rpc_timeout: How long to wait for the cluster's reply.

        Raises:
            ScheduleAlreadyRunningError: there is a schedule of this id.
            ValueError: something is not as it must be.
            PayloadSizeError: the arguments are too large.
            RPCError: INVALID_ARGUMENT: when the action is to be taken cannot be understood; or no reply in time.
        """
        state = schedule.state
        if state.limited_actions and not state.remaining_actions:
            raise ValueError("Must set limited actions to false if there are no remaining actions set")
        if not state.limited_actions and state.remaining_actions:
            raise ValueError("Must set limited actions to true if there are remaining actions set")
        return await self._connection.calls.create_schedule(
            CreateScheduleInput(
                id, schedule, trigger_immediately, backfill, memo, search_attributes, rpc_timeout, rpc_metadata
            )
        )

    def get_schedule_handle(self, id: str) -> ScheduleHandle:
        """A handle to a schedule that may exist."""
        return ScheduleHandle(self._connection, id)

    async def list_schedules(
        self,
        query: str | None = None,
        *,
        page_size: int = PAGE_SIZE,
        next_page_token: bytes | None = None,
        rpc_metadata: Mapping[str, str | bytes] = {},
        rpc_timeout: timedelta | None = None,
    ) -> ScheduleAsyncIterator:
        """The schedules of this namespace, by their ids. Nothing is asked until the first is read.

        Args:
            query: Which: `TemporalSchedulePaused = true AND ScheduleId STARTS_WITH 'report-'`. Beside these there are
                WorkflowType, ActivityType and TaskQueue of what is started, and search attributes of schedules. None:
                all. What a schedule has started: `list_workflows("TemporalScheduledById = 'my-schedule'")`.
            page_size: Rows that are fetched at once.
            next_page_token: Where to begin, from an earlier iterator.
            rpc_metadata: Reaches interceptors and nobody else.
            rpc_timeout: For each page.
        """
        return self._connection.calls.list_schedules(
            ListSchedulesInput(page_size, next_page_token, rpc_timeout, query, rpc_metadata)
        )


class ScheduleCalls:
    """A part of `perdure.client.calls.ClientCalls`."""

    _connection: Connection

    async def create_schedule(self, input: CreateScheduleInput) -> ScheduleHandle:
        connection = self._connection
        check_text("the schedule id", input.id)
        attributes = search_attributes_to_bytes(input.search_attributes)
        request = wire.CreateSchedule(
            connection.namespace,
            input.id,
            input.schedule.to_wire(connection),
            *connection.author(),
            memo_bytes(connection, input.memo) if input.memo else b"",
            attributes,
            input.trigger_immediately,
            tuple(backfill.to_wire() for backfill in input.backfill),
        )
        for each in (attributes, input.schedule.action.search_attribute_bytes()):
            await connection.register_types(each, input.rpc_timeout)
        try:
            await self._send(request, input.rpc_timeout)
        except Refusal as refusal:
            if refusal.reply.code == ErrorCode.ALREADY_STARTED:
                raise ScheduleAlreadyRunningError from None
            raise
        return ScheduleHandle(connection, input.id)

    def list_schedules(self, input: ListSchedulesInput) -> ScheduleAsyncIterator:
        return ScheduleAsyncIterator(
            self._connection,
            input.query or "",
            page_size=input.page_size,
            next_page_token=input.next_page_token,
            rpc_timeout=input.rpc_timeout,
        )

    async def backfill_schedule(self, input: BackfillScheduleInput) -> None:
        backfills = tuple(backfill.to_wire() for backfill in input.backfills)
        await self._patch(input.id, input.rpc_timeout, backfills=backfills)

    async def delete_schedule(self, input: DeleteScheduleInput) -> None:
        await self._send(wire.DeleteSchedule(self._connection.namespace, input.id), input.rpc_timeout)

    async def describe_schedule(self, input: DescribeScheduleInput) -> ScheduleDescription:
        connection = self._connection
        request = wire.DescribeSchedule(connection.namespace, input.id)
        row = await connection.ask_frontend(request, wire.decode_schedule_description, input.rpc_timeout)
        if connection.coding is not None:  # the memo is decoded when it is read
            row = row._replace(schedule=await connection.coding.decode(row.schedule))
        return description_of(row, connection.converter)

    async def pause_schedule(self, input: PauseScheduleInput) -> None:
        await self._patch(input.id, input.rpc_timeout, pause=input.note or PAUSED)

    async def unpause_schedule(self, input: UnpauseScheduleInput) -> None:
        await self._patch(input.id, input.rpc_timeout, unpause=input.note or UNPAUSED)

    async def trigger_schedule(self, input: TriggerScheduleInput) -> None:
        await self._patch(input.id, input.rpc_timeout, trigger_overlap=int(input.overlap or 0))

    async def update_schedule(self, input: UpdateScheduleInput) -> None:
        connection = self._connection
        while True:
            described = await self.describe_schedule(DescribeScheduleInput(input.id, input.rpc_timeout))
            update = input.updater(ScheduleUpdateInput(described))
            if inspect.isawaitable(update):
                update = await update
            if update is None:
                return
            attributes = update.search_attributes
            packed = None if attributes is None else search_attributes_to_bytes(attributes)
            for each in (packed, update.schedule.action.search_attribute_bytes()):
                await connection.register_types(each or b"", input.rpc_timeout)
            request = wire.UpdateSchedule(
                connection.namespace,
                input.id,
                update.schedule.to_wire(connection),
                *connection.author(),
                described._token,
                packed,
            )
            try:
                await self._send(request, input.rpc_timeout)
            except Refusal as refusal:
                if refusal.reply.code != ErrorCode.FAILED_PRECONDITION:
                    raise
            else:
                return

    async def _patch(self, schedule_id: str, rpc_timeout: timedelta | None, **fields: Any) -> None:
        connection = self._connection
        request = wire.PatchSchedule(connection.namespace, schedule_id, *connection.author(), **fields)
        await self._send(request, rpc_timeout)

    async def _send(self, request: Any, rpc_timeout: timedelta | None) -> None:
        connection = self._connection
        if connection.coding is not None:
            request = await connection.coding.encode(request)
        await connection.ask_frontend(request, nothing, rpc_timeout)
