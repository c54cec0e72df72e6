"""Versions of workers, as users write them: which one a worker is, and which one a run is to have.

They are public in `perdure.common`, and the worker's configuration in `perdure.worker`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum

from perdure.protocol.deployment import Behavior, VersionStamp, version_problem


class VersioningBehavior(IntEnum):
    """What a running workflow does when the current version of its worker deployment changes."""

    UNSPECIFIED = Behavior.UNSPECIFIED
    PINNED = Behavior.PINNED
    """It stays with workers of the version that ran its first workflow task, until it closes."""
    AUTO_UPGRADE = Behavior.AUTO_UPGRADE
    """Its next workflow task goes to the new version. Its code may only change as that of open runs may (`patched`)."""


@dataclass(frozen=True)
class WorkerDeploymentVersion:
    """One version of the workers that are deployed under one name.

    Attributes:
        deployment_name: Names the deployment; without a dot.
        build_id: Names the version within it: a release, a commit.
    """

    deployment_name: str
    build_id: str

    def __post_init__(self) -> None:
        problem = version_problem(self.deployment_name, self.build_id)
        if problem is not None:
            raise ValueError(problem)

    def to_canonical_string(self) -> str:
        """`deployment_name.build_id`."""
        return f"{self.deployment_name}.{self.build_id}"

    @staticmethod
    def from_canonical_string(canonical: str) -> WorkerDeploymentVersion:
        """The inverse of `to_canonical_string`.

        Raises:
            ValueError: there is no dot, or nothing on one side of it.
        """
        deployment_name, dot, build_id = canonical.partition(".")
        if not dot:
            raise ValueError(f"{canonical!r} is no version: write deployment_name.build_id")
        return WorkerDeploymentVersion(deployment_name, build_id)


def version_of(stamp: VersionStamp | None) -> WorkerDeploymentVersion | None:
    """The version that a worker said it was, if it did."""
    return None if stamp is None else WorkerDeploymentVersion(stamp.deployment_name, stamp.build_id)


@dataclass(frozen=True)
class WorkerDeploymentConfig:
    """Which version of which deployment a worker is.

    Attributes:
        version: Its name.
        use_worker_versioning: Take only the tasks that are routed to this version. False: take those of the task queue
            like any other worker, and only say in histories which version it was.
        default_versioning_behavior: Of workflows whose definition says none.
    """

    version: WorkerDeploymentVersion
    use_worker_versioning: bool
    default_versioning_behavior: VersioningBehavior = VersioningBehavior.UNSPECIFIED

    def stamp(self, behavior: VersioningBehavior) -> VersionStamp:
        """What the worker says of itself when it completes a workflow task of a workflow with this behavior."""
        said = (behavior or self.default_versioning_behavior) if self.use_worker_versioning else Behavior.UNSPECIFIED
        return VersionStamp(self.version.deployment_name, self.version.build_id, int(said))


class VersioningOverride(ABC):
    """What a start says about the version of its run, above what workers say."""

    @abstractmethod
    def to_stamp(self) -> VersionStamp:
        """As it travels."""


@dataclass(frozen=True)
class PinnedVersioningOverride(VersioningOverride):
    """The run stays with this version until it closes, whether or not it is the current one."""

    version: WorkerDeploymentVersion

    def to_stamp(self) -> VersionStamp:
        return VersionStamp(self.version.deployment_name, self.version.build_id, Behavior.PINNED)


@dataclass(frozen=True)
class AutoUpgradeVersioningOverride(VersioningOverride):
    """The run goes with the current version, even if its workers would pin it."""

    def to_stamp(self) -> VersionStamp:
        return VersionStamp("", "", Behavior.AUTO_UPGRADE)
