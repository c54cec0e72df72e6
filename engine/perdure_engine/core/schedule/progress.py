"""How far a schedule has come: what its row keeps beside what it is.

Role: plain data and its bytes. `steps` and `changes` make a new one of an old one; nothing here is ever changed.
"""

from __future__ import annotations

from typing import NamedTuple

from perdure.protocol.codec import struct_decoder, unpack
from perdure.protocol.failure import Failure
from perdure.protocol.payload import PayloadMap
from perdure.protocol.schedule import (
    ActionTaken,
    OverlapPolicy,
    Schedule,
    ScheduleAction,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
)

BUFFER_MAX = 1_000
"""Actions that may be due and not decided yet, or wait for another one (Temporal's limit)."""

RECENT_MAX = 10
RUNNING_MAX = 1_000
"""Executions that a schedule keeps an eye on; of those that run beside others the oldest are let go of."""

REQUESTS_MAX = 50
"""Requests that are known to be repetitions when they come again."""


class Definition(NamedTuple):
    """What a schedule is, but for its state: written when it is created and updated."""

    action: ScheduleAction
    spec: ScheduleSpec
    policy: SchedulePolicy
    memo: PayloadMap = b""
    search_attributes: bytes = b""


class Start(NamedTuple):
    """An action that is due. `origin` tells it from others of the same moment: the request that asked for it; empty:
    the spec. Those that somebody asked for (`manual`) are taken whatever the state of the schedule is."""

    nominal_us: int
    actual_us: int
    overlap: int = OverlapPolicy.UNSPECIFIED
    manual: bool = False
    origin: str = ""


class Starting(NamedTuple):
    """An action that is to be taken. `counts`: others do not begin beside it unless they may."""

    start: Start
    counts: bool


class Running(NamedTuple):
    """What an action started: the first run of a workflow, and the one it has come to; with `is_activity`, an activity
    without one, which has one run. `counts`: others do not begin beside it unless they may. `asked`: it was asked to
    cancel (1), or terminated (2)."""

    workflow_id: str
    first_run_id: str
    run_id: str
    counts: bool = True
    asked: int = 0
    is_activity: bool = False


class Ending(NamedTuple):
    """What is to be cancelled or terminated: a chain of runs, which has come to `run_id`."""

    workflow_id: str
    first_run_id: str
    run_id: str
    terminate: bool
    is_activity: bool = False


class Ongoing(NamedTuple):
    """A backfill, from the moment behind `seen_us` on."""

    seen_us: int
    end_us: int
    overlap: int
    origin: str


class Counts(NamedTuple):
    """Of actions: taken, missed by the catch-up window, skipped for overlap, dropped for lack of room."""

    taken: int = 0
    missed: int = 0
    skipped: int = 0
    dropped: int = 0


class Progress(NamedTuple):
    """`token` rises when what the schedule is changes. `seen_us`: the moments of the spec up to this one are done with.
    `due`: actions to be decided about. `starting` and `ending`: what was decided and may be done already, or not; it
    is done before anything else, which does no harm the second time."""

    created_us: int
    seen_us: int
    state: ScheduleState
    token: int = 1
    updated_us: int = 0
    due: tuple[Start, ...] = ()
    starting: tuple[Starting, ...] = ()
    ending: tuple[Ending, ...] = ()
    running: tuple[Running, ...] = ()
    recent: tuple[ActionTaken, ...] = ()
    backfills: tuple[Ongoing, ...] = ()
    requests: tuple[str, ...] = ()
    counts: Counts = Counts()
    last_error: str = ""
    last_result: bytes = b""
    last_failure: Failure | None = None

    @property
    def takes_actions(self) -> bool:
        """Whether actions are taken by themselves."""
        state = self.state
        return not state.paused and not (state.limited and state.remaining <= 0)

    @property
    def is_blocked(self) -> bool:
        """Whether something runs that others wait for."""
        return any(run.counts for run in self.running)


_definition = struct_decoder(Definition)
_progress = struct_decoder(Progress)


def definition_of(data: bytes) -> Definition:
    """The inverse of `pack` (see the codec).

    Raises:
        DecodeError: not a definition.
    """
    definition: Definition = _definition(unpack(data))
    return definition


def progress_of(data: bytes) -> Progress:
    """The inverse of `pack` (see the codec).

    Raises:
        DecodeError: not the progress of a schedule.
    """
    progress: Progress = _progress(unpack(data))
    return progress


def schedule_of(definition: Definition, progress: Progress) -> Schedule:
    """The schedule as its owner sees it."""
    return Schedule(definition.action, definition.spec, definition.policy, progress.state)
