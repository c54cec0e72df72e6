"""Answers about schedules: created, looked at, changed, deleted. `perdure_engine.system.schedules` carries them
on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.protocol.codec import pack
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode, ErrorReply, ReplyKind
from perdure.protocol.schedule import (
    CreateSchedule,
    DeleteSchedule,
    DescribeSchedule,
    Execution,
    PatchSchedule,
    Schedule,
    ScheduleDescription,
    ScheduleInfo,
    UpdateSchedule,
)
from perdure_engine.core.schedule import changes
from perdure_engine.core.schedule.progress import Definition, Progress, definition_of, progress_of, schedule_of
from perdure_engine.core.schedule.steps import Plan, next_times, plan_of
from perdure_engine.environment import Environment
from perdure_store.port import ScheduleRow, Store

NEXT_TIMES = 10

Answer = tuple[ReplyKind, Any]


class ScheduleAnswers:
    """Args:
    look_at: told of schedules that there is something to do about.
    """

    def __init__(self, store: Store, environment: Environment, look_at: Callable[[tuple[str, str]], None]) -> None:
        self._store = store
        self._environment = environment
        self._look_at = look_at

    # Changes -------------------------------------------------------------------------------------------------------
    async def create(self, request: CreateSchedule) -> Answer:
        for name, text in (("the namespace", request.namespace), ("the schedule id", request.schedule_id)):
            problem = text_problem(name, text)
            if problem is not None:
                return _refused(problem)
        problem = self._problem(request.namespace, request.schedule_id, request.schedule)
        problem = problem or changes.backfill_problem(request.backfills)
        if problem is not None:
            return _refused(problem)
        definition = changes.definition_for(request.schedule, request.memo, request.search_attributes)
        now_us = self._environment.now_us()
        progress = changes.created(request, now_us)
        row = ScheduleRow(request.namespace, request.schedule_id, 1, now_us, False, pack(definition), pack(progress))
        if not await self._store.insert_schedule(row):
            known = await self._store.schedule(request.namespace, request.schedule_id)
            if known is not None and request.request_id not in progress_of(known.progress).requests:
                return _refused(f"there is a schedule {request.schedule_id!r} already", ErrorCode.ALREADY_STARTED)
        self._look_at(row[:2])
        return ReplyKind.OK, None

    async def update(self, request: UpdateSchedule) -> Answer:
        problem = self._problem(request.namespace, request.schedule_id, request.schedule)
        if problem is not None:
            return _refused(problem)
        while (row := await self._store.schedule(request.namespace, request.schedule_id)) is not None:
            plan, progress = _read(row)
            if request.request_id in progress.requests:
                return ReplyKind.OK, None
            if request.token and request.token != progress.token:
                return _refused(
                    f"the schedule {request.schedule_id!r} was changed meanwhile: describe it, and update it again",
                    ErrorCode.FAILED_PRECONDITION,
                )
            attributes = request.search_attributes
            attributes = plan.definition.search_attributes if attributes is None else attributes
            definition = changes.definition_for(request.schedule, plan.definition.memo, attributes)
            progress = changes.updated(plan, progress, request, self._environment.now_us())
            if await self._store.redefine_schedule(self._further(row, progress)._replace(definition=pack(definition))):
                self._look_at(row[:2])
                return ReplyKind.OK, None
        return _unknown(request.schedule_id)

    async def patch(self, request: PatchSchedule) -> Answer:
        while (row := await self._store.schedule(request.namespace, request.schedule_id)) is not None:
            plan, progress = _read(row)
            if request.request_id in progress.requests:
                return ReplyKind.OK, None
            problem = changes.backfill_problem(request.backfills, len(progress.backfills))
            if problem is not None:
                return _refused(problem)
            progress = changes.patched(plan, progress, request, self._environment.now_us())
            if await self._store.update_schedules([self._further(row, progress)]):
                self._look_at(row[:2])
                return ReplyKind.OK, None
        return _unknown(request.schedule_id)

    async def delete(self, request: DeleteSchedule) -> Answer:
        if not await self._store.delete_schedule(request.namespace, request.schedule_id):
            return _unknown(request.schedule_id)
        self._look_at((request.namespace, request.schedule_id))
        return ReplyKind.OK, None

    def _further(self, row: ScheduleRow, progress: Progress) -> ScheduleRow:
        """The row with this progress, to be looked at now."""
        return row._replace(revision=row.revision + 1, next_us=self._environment.now_us(), progress=pack(progress))

    def _problem(self, namespace: str, schedule_id: str, schedule: Schedule) -> str | None:
        problem = changes.problem_of(schedule)
        if problem is not None:
            return problem
        try:
            plan_of(namespace, schedule_id, changes.definition_for(schedule, b"", b""))
        except ValueError as error:
            return str(error)
        return None

    # Reading -------------------------------------------------------------------------------------------------------
    async def describe(self, request: DescribeSchedule) -> Answer:
        row = await self._store.schedule(request.namespace, request.schedule_id)
        return (ReplyKind.OK, description_of(row)) if row is not None else _unknown(request.schedule_id)


def _read(row: ScheduleRow) -> tuple[Plan, Progress]:
    return plan_of(row.namespace, row.schedule_id, definition_of(row.definition)), progress_of(row.progress)


def description_of(row: ScheduleRow, *, times: int = NEXT_TIMES) -> ScheduleDescription:
    """What a row says, with so many of the next moments."""
    plan, progress = _read(row)
    definition: Definition = plan.definition
    counts = progress.counts
    info = ScheduleInfo(
        progress.created_us,
        progress.updated_us,
        counts.taken,
        counts.missed,
        counts.skipped,
        counts.dropped,
        len(progress.due),
        tuple(Execution(run.workflow_id, run.first_run_id, run.is_activity) for run in progress.running),
        progress.recent,
        next_times(plan, progress, times),
        progress.last_error,
        progress.last_failure,
    )
    schedule = schedule_of(definition, progress)
    return ScheduleDescription(
        row.schedule_id, schedule, info, progress.token, definition.memo, definition.search_attributes
    )


def _refused(message: str, code: ErrorCode = ErrorCode.INVALID_ARGUMENT) -> Answer:
    return ReplyKind.ERROR, ErrorReply(code, message)


def _unknown(schedule_id: str) -> Answer:
    return _refused(f"there is no schedule {schedule_id!r}; `perdure schedule list` shows them", ErrorCode.NOT_FOUND)
