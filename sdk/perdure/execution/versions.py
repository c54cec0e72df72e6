"""Versions of workflow code: what `patched` and `get_version` answered, kept in markers, so that replays answer alike.

Role: `Versions` decides; its markers are named and filled as Temporal's are, so that histories mean the same there.

Rules:
- The first answer counts for the whole run. While history is replayed it is what a marker says that stands no later
  than the commands of the workflow task that asks; without one, the code is as old as it was before the question.
- A marker of `patched` must be asked for by the code again, in its place. One of `deprecate_patch` may be missing in
  the code, and so may one of `get_version`: the code may stop to ask once no run needs the old branch.
- Code that asks later than it did asks for a marker that stands earlier: this command, alone, may have no event.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from perdure.exceptions import WorkflowTaskError
from perdure.execution.event_loop import WorkflowEventLoop
from perdure.execution.source_lines import calling_line
from perdure.protocol.codec import DecodeError
from perdure.protocol.commands import Command, RecordMarker
from perdure.protocol.events import EventType, HistoryEvent, MarkerRecorded
from perdure.protocol.ids import text_problem
from perdure.protocol.marker import pack_details, unpack_details
from perdure.protocol.payload import Payload
from perdure.protocol.search_attributes import unpack_search_attributes
from perdure.workflow.errors import NondeterminismError
from perdure.workflow.information import Info
from perdure.workflow.versions import DEFAULT_VERSION

_MARKER = int(EventType.MARKER_RECORDED)
_UPSERT = int(EventType.UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
_TASK_STARTED = int(EventType.WORKFLOW_TASK_STARTED)

PATCH_MARKER = "core_patch"
VERSION_MARKER = "Version"
CHANGE_VERSION = "TemporalChangeVersion"
"""The search attribute that Temporal's SDKs upsert behind each marker; no code asks for it."""


class Patch(NamedTuple):
    """What a marker of `patched` or `deprecate_patch` says."""

    patch_id: str
    deprecated: bool


class Version(NamedTuple):
    """What a marker of `get_version` says."""

    change_id: str
    version: int


def change_of(marker: MarkerRecorded | RecordMarker) -> Patch | Version | None:
    """What a marker says about versions; None if it is about something else.

    Raises:
        WorkflowTaskError: it is named like one of them, and holds something else.
    """
    name = marker.marker_name
    if name not in (PATCH_MARKER, VERSION_MARKER):
        return None
    try:
        details = {key: json.loads(payload.data) for key, [payload] in unpack_details(marker.details).items()}
        if name == PATCH_MARKER:
            data = details["patch-data"]
            return Patch(str(data["id"]), bool(data["deprecated"]))
        return Version(str(details["change-id"]), int(details["version"]))
    except (DecodeError, KeyError, TypeError, ValueError) as error:
        raise WorkflowTaskError(
            f"a marker {name!r} of the history has no details of a version ({error!r}): was it written by a codec that "
            "this worker does not have?"
        ) from error


def describe_marker(marker: MarkerRecorded | RecordMarker) -> str:
    """A marker in an error."""
    match change_of(marker):
        case Patch(patch_id, deprecated):
            return f"deprecated patch {patch_id!r}" if deprecated else f"patch {patch_id!r}"
        case Version(change_id, version):
            return f"version {version} of {change_id!r}"
        case None:
            return repr(marker.marker_name)


def may_be_left_out(event: HistoryEvent) -> bool:
    """Whether the code need not ask for this event again."""
    if event.event_type == _UPSERT:
        return set(unpack_search_attributes(event.attributes.search_attributes)) == {CHANGE_VERSION}
    if event.event_type != _MARKER:
        return False
    change = change_of(event.attributes)
    return isinstance(change, Version) or (isinstance(change, Patch) and change.deprecated)


def markers_ahead(events: Sequence[HistoryEvent], completed: int) -> list[MarkerRecorded]:
    """The markers that a workflow task recorded whose completed event is the one at this index: when it is replayed,
    its code asks for them before their events are reached."""
    markers = []
    for index in range(completed + 1, len(events)):
        kind = events[index].event_type
        if kind == _MARKER:
            markers.append(events[index].attributes)
        elif kind == _TASK_STARTED:
            break
    return markers


class ChangeMarker:
    """The command of a patch or a version. See `commands.Issued`."""

    __slots__ = ("_change", "command", "line")

    def __init__(self, change: Patch | Version, line: str) -> None:
        self.command: Command | None = _command(change)
        self.line = line
        self._change = change

    def matches(self, event: HistoryEvent) -> bool:
        if event.event_type != _MARKER:
            return False
        found = change_of(event.attributes)
        return type(found) is type(self._change) and found[0] == self._change[0]

    def scheduled(self, event_id: int) -> bool:
        return False


def _command(change: Patch | Version) -> RecordMarker:
    if isinstance(change, Patch):
        data = {"patch-data": {"id": change.patch_id, "deprecated": change.deprecated}}
        return RecordMarker(PATCH_MARKER, _details(data))
    return RecordMarker(VERSION_MARKER, _details({"change-id": change.change_id, "version": change.version}))


def _details(values: dict[str, Any]) -> bytes:
    return pack_details(
        {name: [Payload({"encoding": b"json/plain"}, json.dumps(value).encode())] for name, value in values.items()}
    )


class CommandTaker(Protocol):
    def issue(self, issued: ChangeMarker) -> None: ...


@dataclass(frozen=True)
class PatchActivationInput:
    """What a worker's `patch_activation_callback` is asked about: a run that is new to a patch."""

    workflow_info: Info
    patch_id: str


class VersionSettings(Protocol):
    @property
    def patch_activation(self) -> Callable[[PatchActivationInput], bool] | None: ...


class VersionsOwner(Protocol):
    """What versions ask of their workflow."""

    loop: WorkflowEventLoop
    replaying: bool
    read_only: bool

    @property
    def ledger(self) -> CommandTaker: ...
    @property
    def settings(self) -> VersionSettings: ...
    def info(self) -> Info: ...


class Versions:
    """The versions of one run."""

    def __init__(self, owner: VersionsOwner) -> None:
        self._owner = owner
        self._answers: dict[str, bool] = {}
        self._versions: dict[str, int] = {}
        self._recorded_patches: dict[str, bool] = {}
        self._recorded_versions: dict[str, int] = {}

    def note(self, marker: MarkerRecorded) -> None:
        """A marker that the workflow task recorded that is to be replayed next."""
        match change_of(marker):
            case Patch(patch_id, deprecated):
                self._recorded_patches[patch_id] = deprecated
            case Version(change_id, version):
                self._recorded_versions[change_id] = version

    def patched(self, patch_id: str, *, deprecated: bool) -> bool:
        """Raises:
        ValueError: the id cannot be one.
        ReadOnlyContextError: a query asks.
        """
        self._owner.loop.check_may_act()
        answer = self._answers.get(patch_id)
        if answer is None:
            _check_id("a patch id", patch_id)
            answer = patch_id in self._recorded_patches or self._is_new(patch_id, deprecated)
            self._answers[patch_id] = answer
            if answer:
                self._record(Patch(patch_id, deprecated))
        return answer

    def _is_new(self, patch_id: str, deprecated: bool) -> bool:
        """Whether a run that has no marker takes the change."""
        owner = self._owner
        if owner.replaying:
            return False
        activate = owner.settings.patch_activation
        if deprecated or activate is None:
            return True
        owner.read_only = True
        try:
            answer = activate(PatchActivationInput(owner.info(), patch_id))
        finally:
            owner.read_only = False
        if type(answer) is not bool:
            raise TypeError(f"the patch_activation_callback of the worker answered {answer!r}; give True or False")
        return answer

    def get_version(self, change_id: str, min_supported: int, max_supported: int) -> int:
        """Raises:
        ValueError: the id or the range makes no sense.
        NondeterminismError: the run has a version that the code no longer, or not yet, supports.
        ReadOnlyContextError: a query asks.
        """
        self._owner.loop.check_may_act()
        if not DEFAULT_VERSION <= min_supported <= max_supported:
            raise ValueError(
                f"the versions of {change_id!r} go from {min_supported} to {max_supported}: give a minimum of at least "
                f"{DEFAULT_VERSION} (workflow.DEFAULT_VERSION), and a maximum that is not below it"
            )
        version = self._versions.get(change_id)
        if version is None:
            _check_id("a change id", change_id)
            if not self._owner.replaying:
                version = max_supported
            else:
                version = self._recorded_versions.get(change_id, DEFAULT_VERSION)
            self._versions[change_id] = version
            if not self._owner.replaying or change_id in self._recorded_versions:
                self._record(Version(change_id, version))
        if not min_supported <= version <= max_supported:
            raise NondeterminismError(
                f"this run has version {version} of {change_id!r}, and the code supports {min_supported} to "
                f"{max_supported} (at {calling_line()}). "
                + (
                    "Keep the code of the older version until no open run has it"
                    if version < min_supported
                    else "Run code that knows the newer version: this worker is older than the one that began the run"
                )
            )
        return version

    def _record(self, change: Patch | Version) -> None:
        line = calling_line() if self._owner.replaying else ""
        self._owner.ledger.issue(ChangeMarker(change, line))


def _check_id(name: str, value: str) -> None:
    problem = text_problem(name, value)
    if problem is not None:
        raise ValueError(problem)
