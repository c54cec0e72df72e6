"""A schedule as it is created and updated: an action, when it is taken, and what if the last one still runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from perdure.client.connection import Connection
from perdure.client.schedule_action import ScheduleAction, workflow_action_of
from perdure.client.schedule_activity_action import activity_action_of
from perdure.client.schedule_spec import ScheduleSpec, microseconds, moment_us, spec_of_wire, spec_to_wire
from perdure.protocol import schedule as wire


class ScheduleOverlapPolicy(IntEnum):
    """What is done when an action is due while the workflow of the one before still runs."""

    SKIP = wire.OverlapPolicy.SKIP
    """Nothing: the action is left out."""

    BUFFER_ONE = wire.OverlapPolicy.BUFFER_ONE
    """It begins when the one that runs is over; only one waits, the first one."""

    BUFFER_ALL = wire.OverlapPolicy.BUFFER_ALL
    """It begins when the one that runs is over, and those before it; at most 1,000 wait."""

    CANCEL_OTHER = wire.OverlapPolicy.CANCEL_OTHER
    """The one that runs is asked to cancel; the action begins when that is over. Of several that wait, the last one."""

    TERMINATE_OTHER = wire.OverlapPolicy.TERMINATE_OTHER
    """The one that runs is terminated, and the action begins."""

    ALLOW_ALL = wire.OverlapPolicy.ALLOW_ALL
    """It begins beside those that run. Nothing waits for it, and it knows nothing of the result before it."""


@dataclass
class ScheduleBackfill:
    """A time whose actions are taken now, as if it passed now, whatever the state of the schedule is.

    Attributes:
        start_at: The first moment that counts (as in Temporal since 1.24).
        end_at: The last one.
        overlap: None: the policy of the schedule. With SKIP only the first action is taken: BUFFER_ALL or ALLOW_ALL
            takes all.
    """

    start_at: datetime
    end_at: datetime
    overlap: ScheduleOverlapPolicy | None = None

    def to_wire(self) -> wire.Backfill:
        """The backfill as it travels."""
        return wire.Backfill(moment_us(self.start_at), moment_us(self.end_at), int(self.overlap or 0))


@dataclass
class SchedulePolicy:
    """How a schedule deals with what is not as usual.

    Attributes:
        overlap: What if the last one still runs.
        catchup_window: How late an action may be taken that could not be taken in time, since no engine was there;
            what is later is missed. None: a year.
        pause_on_failure: Pause the schedule when a workflow that it started fails or times out, after its retries.
    """

    overlap: ScheduleOverlapPolicy = field(default_factory=lambda: ScheduleOverlapPolicy.SKIP)
    catchup_window: timedelta | None = None
    pause_on_failure: bool = False


@dataclass
class ScheduleState:
    """What state a schedule is in.

    Attributes:
        note: For people; a schedule that is paused since something failed says so here.
        paused: No action is taken by itself. What passes meanwhile is not made up for.
        limited_actions: No more actions are taken by themselves than `remaining_actions`, which goes down with each.
        remaining_actions: See there.
    """

    note: str | None = None
    paused: bool = False
    limited_actions: bool = False
    remaining_actions: int = 0


@dataclass
class Schedule:
    """What is done, when, and how."""

    action: ScheduleAction
    spec: ScheduleSpec
    policy: SchedulePolicy = field(default_factory=SchedulePolicy)
    state: ScheduleState = field(default_factory=ScheduleState)

    def to_wire(self, connection: Connection) -> wire.Schedule:
        """The schedule as it travels.

        Raises: as `Client.create_schedule`.
        """
        window = self.policy.catchup_window
        window_us = wire.CATCHUP_WINDOW_US if window is None else microseconds(window)
        policy = wire.SchedulePolicy(int(self.policy.overlap), window_us, self.policy.pause_on_failure)
        state = self.state
        return wire.Schedule(
            self.action.to_wire(connection),
            spec_to_wire(self.spec),
            policy,
            wire.ScheduleState(state.note or "", state.paused, state.limited_actions, state.remaining_actions),
        )


def schedule_of_wire(schedule: wire.Schedule) -> Schedule:
    """The public form of a schedule."""
    policy, state = schedule.policy, schedule.state
    window_us = policy.catchup_window_us
    return Schedule(
        action_of_wire(schedule.action),
        spec_of_wire(schedule.spec),
        SchedulePolicy(
            ScheduleOverlapPolicy(policy.overlap),
            None if window_us == wire.CATCHUP_WINDOW_US else timedelta(microseconds=window_us),
            policy.pause_on_failure,
        ),
        ScheduleState(state.note or None, state.paused, state.limited, state.remaining),
    )


def action_of_wire(action: wire.ScheduleAction) -> ScheduleAction:
    """The public form of an action.

    Raises:
        ValueError: it is none that this version knows.
    """
    if action.workflow is not None:
        return workflow_action_of(action.workflow)
    if action.activity is not None:
        return activity_action_of(action.activity)
    raise ValueError("a later version made this schedule: its action is none that this version knows")
