"""Replays a history under Python's debugger: it stops in the workflow's code, not in what calls it.

Role: the part of the history in front of the place that is asked for is replayed at full speed; then the debugger stops
at the next line of the user's code. From there it is `pdb` as everywhere, but that it passes over what Perdure and the
standard library do.
"""

from __future__ import annotations

import bdb
import os
import pdb
import sysconfig
from collections.abc import Sequence
from types import FrameType
from typing import IO

import pydantic

import perdure
from perdure.execution.commands import COMMAND_EVENTS
from perdure.execution.instance import WorkflowInstance
from perdure.protocol.events import EventType, HistoryEvent

_LIBRARY = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = sysconfig.get_path("purelib") + os.sep
_NOT_USERS = tuple(os.path.dirname(package.__file__ or "") + os.sep for package in (perdure, pydantic))


class ReplayDebugger(pdb.Pdb):
    """`pdb` for workflows. `stdin` and `stdout` as in `pdb.Pdb`."""

    def __init__(self, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)

    def stop_here(self, frame: FrameType) -> bool:
        """Whether to stop without a breakpoint: in the user's code alone."""
        path = frame.f_code.co_filename
        is_library = path.startswith(_LIBRARY) and not path.startswith(_INSTALLED)
        if is_library or path.startswith(("<", *_NOT_USERS)):
            return False
        return super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """A function begins, or a coroutine goes on: it stops at the line, which comes next."""

    def replay(self, instance: WorkflowInstance, events: Sequence[HistoryEvent], event_id: int) -> None:
        """Replay, and stop where the workflow is about to see event `event_id`, or to issue what became of it.

        Raises:
            ValueError: there is no such event, or no code ran after it.
            Exception: what the replay raises.
        """
        start = _task_of(events, event_id)
        instance.replay(events[:start])
        self.reset()
        self.set_step()
        try:
            self.runcall(_replay_rest, self, instance, events[start:])
        except bdb.BdbQuit:
            return  # the user has seen enough


def _replay_rest(debugger: ReplayDebugger, instance: WorkflowInstance, events: Sequence[HistoryEvent]) -> None:
    debugger.set_step()
    instance.replay(events)


def _task_of(events: Sequence[HistoryEvent], event_id: int) -> int:
    """Where the workflow task is completed in which the workflow saw an event, or issued its command."""
    found = next((event for event in events if event.event_id == event_id), None)
    if found is None:
        raise ValueError(f"the history has no event {event_id}; its last is {events[-1].event_id}")
    if found.event_type in COMMAND_EVENTS:
        event_id = found.attributes.workflow_task_completed_event_id
    for index, event in enumerate(events):
        if event.event_id >= event_id and event.event_type == EventType.WORKFLOW_TASK_COMPLETED:
            return index
    raise ValueError(f"no workflow task was completed after event {event_id}: no code has seen it yet")
