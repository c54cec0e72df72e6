"""Worker deployments in the protocol: which version of its workers a run is at, and how versions are managed.

A version is named by its deployment and its build id. Workers of a version poll queues of their own, whose name is that
of the task queue with the version behind it (`versioned_queue`): what is true of a task queue is true of them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from perdure.protocol.codec import struct_decoder
from perdure.protocol.ids import text_problem

NAME_LENGTH_MAX = 255
"""Characters of the name of a deployment, or of a build id."""

SHARE_WHOLE = 10_000
"""A share of this is all: percentages travel in hundredths."""

_MARK = "\x1f"
"""Between a task queue and the version whose workers poll it."""


class Behavior(IntEnum):
    """What a run does when the current version of its deployment changes. Temporal's numbers."""

    UNSPECIFIED = 0
    PINNED = 1
    AUTO_UPGRADE = 2


class VersionStamp(NamedTuple):
    """The version of the workers that carried a run on, or are to, and how the run behaves. `behavior` UNSPECIFIED: its
    workers only say what they are, and take the tasks of the plain task queue."""

    deployment_name: str
    build_id: str
    behavior: int


def versioned_queue(task_queue: str, deployment_name: str, build_id: str) -> str:
    """The name of the queue that the workers of a version poll."""
    return f"{task_queue}{_MARK}{deployment_name}.{build_id}"


def queue_and_version(name: str) -> tuple[str, str]:
    """The inverse: the task queue, and the version as `deployment.build`; empty for a plain task queue."""
    task_queue, _, version = name.partition(_MARK)
    return task_queue, version


def version_problem(deployment_name: str, build_id: str) -> str | None:
    """What is wrong with the name of a version, or None."""
    for what, text in (("the name of the deployment", deployment_name), ("the build id", build_id)):
        problem = text_problem(what, text)
        if problem is not None:
            return problem
        if len(text) > NAME_LENGTH_MAX:
            return f"{what} has {len(text)} characters; the limit is {NAME_LENGTH_MAX}"
        if not text.isprintable():
            return f"{what} contains a control character; remove it"
    if "." in deployment_name:
        return f"the name of the deployment {deployment_name!r} contains a dot, which stands before the build id"
    return None


def stamp_problem(stamp: VersionStamp | None) -> str | None:
    """What is wrong with the version that a start asks for, or None."""
    if stamp is None or stamp.behavior == Behavior.AUTO_UPGRADE:
        return None
    if stamp.behavior != Behavior.PINNED:
        return f"a versioning override has the behavior {stamp.behavior}; allowed are 1 (pinned) and 2 (auto-upgrade)"
    return version_problem(stamp.deployment_name, stamp.build_id)


# Requests -------------------------------------------------------------------------------------------------------------


class RegisterVersion(NamedTuple):
    """A worker of a version begins: from now on the version has this task queue, for workflows, for activities, or for
    both. Reply: `None`."""

    namespace: str
    deployment_name: str
    build_id: str
    task_queue: str
    runs_workflows: bool
    runs_activities: bool


class SetCurrentVersion(NamedTuple):
    """New runs, and those that upgrade by themselves, go to this version from now on (empty: to workers without one).
    `revision`: that of the deployment as the caller saw it, or 0.

    Reply: `DeploymentInfo`; NOT_FOUND; INVALID_ARGUMENT where the version lacks a task queue that the current one has
    (`allow_missing_queues`), or where nobody polls (`allow_no_pollers`); ALREADY_STARTED at another revision."""

    namespace: str
    deployment_name: str
    build_id: str
    allow_missing_queues: bool = False
    allow_no_pollers: bool = False
    revision: int = 0
    identity: str = ""


class SetRampingVersion(NamedTuple):
    """A share of the runs (of `SHARE_WHOLE`) goes to this version in place of the current one; an empty build id ends
    that. Otherwise as `SetCurrentVersion`."""

    namespace: str
    deployment_name: str
    build_id: str
    share: int
    allow_missing_queues: bool = False
    allow_no_pollers: bool = False
    revision: int = 0
    identity: str = ""


class DescribeDeployment(NamedTuple):
    """Reply: `DeploymentInfo`, with what is counted; NOT_FOUND."""

    namespace: str
    deployment_name: str


class ListDeployments(NamedTuple):
    """Reply: `DeploymentList`, by name, with nothing counted."""

    namespace: str


class DeleteVersion(NamedTuple):
    """Forget a version, or, with an empty build id, a deployment that has none.

    Reply: `None`; NOT_FOUND; INVALID_ARGUMENT while it is current or ramping, has workers, or (but for
    `skip_drainage`) open pinned runs."""

    namespace: str
    deployment_name: str
    build_id: str
    skip_drainage: bool = False


# Answers --------------------------------------------------------------------------------------------------------------


class VersionStatus(IntEnum):
    """Where a version stands. Temporal's numbers."""

    INACTIVE = 1
    """Nothing was ever sent to it, but runs that were pinned to it by hand."""
    CURRENT = 2
    RAMPING = 3
    DRAINING = 4
    """It was current or ramping, and pinned runs are open on it."""
    DRAINED = 5
    CREATED = 6


class VersionInfo(NamedTuple):
    """`current_us` and `ramping_us`: since when it is current or ramping, 0 if it is not; `left_us`: when it was
    either for the last time. `status`, `pinned_runs` (open ones, -1: not counted) and `workers` (-1: not looked at)
    are filled in by a description."""

    build_id: str
    created_us: int
    workflow_queues: tuple[str, ...] = ()
    activity_queues: tuple[str, ...] = ()
    current_us: int = 0
    ramping_us: int = 0
    left_us: int = 0
    status: int = 0
    pinned_runs: int = -1
    workers: int = -1


class DeploymentInfo(NamedTuple):
    """`current` and `ramping` are build ids; empty: workers without a version, or nothing. `share` of the runs, of
    `SHARE_WHOLE`, goes to the ramping one. `changed_us`: when either was changed, by whom `changed_by`."""

    namespace: str
    name: str
    revision: int
    created_us: int
    current: str = ""
    ramping: str = ""
    share: int = 0
    changed_us: int = 0
    changed_by: str = ""
    versions: tuple[VersionInfo, ...] = ()

    def version(self, build_id: str) -> VersionInfo | None:
        """The version of this build id."""
        return next((version for version in self.versions if version.build_id == build_id), None)


class DeploymentList(NamedTuple):
    rows: tuple[DeploymentInfo, ...]


decode_deployment = struct_decoder(DeploymentInfo)
decode_deployment_list = struct_decoder(DeploymentList)
