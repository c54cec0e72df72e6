"""Worker deployments: which versions of workers there are, where new runs go, and what still runs on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from perdure.client.connection import Connection, check_text, nothing
from perdure.client.execution import time_of, time_or_none
from perdure.common import WorkerDeploymentVersion
from perdure.protocol import deployment as wire


class WorkerDeploymentVersionStatus(IntEnum):
    """Where a version stands."""

    INACTIVE = wire.VersionStatus.INACTIVE
    """No runs were sent to it yet, but those that were pinned to it at their start."""
    CURRENT = wire.VersionStatus.CURRENT
    RAMPING = wire.VersionStatus.RAMPING
    DRAINING = wire.VersionStatus.DRAINING
    """Pinned runs are open on it, and no new ones come: its workers must stay."""
    DRAINED = wire.VersionStatus.DRAINED
    """It was current or ramping, and nothing is pinned to it any more: its workers may go."""


@dataclass(frozen=True)
class WorkerDeploymentVersionDescription:
    """One version.

    Attributes:
        status: None in a list, which does not look.
        pinned_runs: Open runs that are pinned to it, as lists know them; None in a list.
        workers: Workers that poll for it now; None in a list.
        workflow_task_queues, activity_task_queues: What its workers have polled.
        current_since, ramping_since: None while it is not.
    """

    version: WorkerDeploymentVersion
    status: WorkerDeploymentVersionStatus | None
    pinned_runs: int | None
    workers: int | None
    workflow_task_queues: Sequence[str]
    activity_task_queues: Sequence[str]
    create_time: datetime
    current_since: datetime | None
    ramping_since: datetime | None


@dataclass(frozen=True)
class WorkerDeploymentDescription:
    """One deployment.

    Attributes:
        current_version: Where runs go; None: to workers without a version.
        ramping_version: Where `ramping_percentage` of them goes in its place.
        revision: Rises with each change; a change may name the one that it was decided on.
        last_change_time, last_modifier: When the routing was changed, and by whom.
    """

    name: str
    current_version: WorkerDeploymentVersion | None
    ramping_version: WorkerDeploymentVersion | None
    ramping_percentage: float
    revision: int
    create_time: datetime
    last_change_time: datetime | None
    last_modifier: str
    versions: Sequence[WorkerDeploymentVersionDescription]


class Deployments:
    """The worker deployments of a namespace. One begins with its first worker.

    Changes hold for workflow tasks from then on: at once for the engine that made them, within a second or so for all.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, *, rpc_timeout: timedelta | None = None) -> list[WorkerDeploymentDescription]:
        """All of them, by name, without what would have to be counted."""
        request = wire.ListDeployments(self._connection.namespace)
        page = await self._connection.ask_frontend(request, wire.decode_deployment_list, rpc_timeout)
        return [_deployment(row) for row in page.rows]

    async def describe(self, name: str, *, rpc_timeout: timedelta | None = None) -> WorkerDeploymentDescription:
        """One deployment, with the status of each of its versions.

        Raises:
            RPCError: NOT_FOUND.
        """
        request = wire.DescribeDeployment(self._connection.namespace, name)
        return _deployment(await self._connection.ask_frontend(request, wire.decode_deployment, rpc_timeout))

    async def set_current(
        self,
        name: str,
        build_id: str | None,
        *,
        ignore_missing_task_queues: bool = False,
        allow_no_pollers: bool = False,
        revision: int | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> WorkerDeploymentDescription:
        """Send new runs, and those that upgrade by themselves, to this version. A ramp to it is over.

        Args:
            build_id: None: to workers without a version.
            ignore_missing_task_queues: Even if it has no workers on a task queue that the current version has.
            allow_no_pollers: Even if none of its workers is running.
            revision: Only if nobody has changed the deployment since it had this one.

        Raises:
            RPCError: NOT_FOUND; FAILED_PRECONDITION: one of those conditions.
        """
        request = wire.SetCurrentVersion(
            self._connection.namespace,
            name,
            build_id or "",
            ignore_missing_task_queues,
            allow_no_pollers,
            revision or 0,
            self._connection.transport.identity,
        )
        return _deployment(await self._connection.ask_frontend(request, wire.decode_deployment, rpc_timeout))

    async def set_ramping(
        self,
        name: str,
        build_id: str | None,
        percentage: float = 0.0,
        *,
        ignore_missing_task_queues: bool = False,
        allow_no_pollers: bool = False,
        revision: int | None = None,
        rpc_timeout: timedelta | None = None,
    ) -> WorkerDeploymentDescription:
        """Send a share of the runs to this version in place of the current one. A workflow id is on one side or the
        other, and stays there; a higher percentage only adds to it.

        Args:
            build_id: None: end the ramp.
            percentage: From 0 to 100.
            Otherwise as `set_current`.

        Raises:
            ValueError: not a percentage.
            RPCError: as `set_current`; FAILED_PRECONDITION: it is the current version.
        """
        if not 0 <= percentage <= 100:
            raise ValueError(f"the percentage is {percentage}; it must be from 0 to 100")
        request = wire.SetRampingVersion(
            self._connection.namespace,
            name,
            build_id or "",
            round(percentage * wire.SHARE_WHOLE / 100),
            ignore_missing_task_queues,
            allow_no_pollers,
            revision or 0,
            self._connection.transport.identity,
        )
        return _deployment(await self._connection.ask_frontend(request, wire.decode_deployment, rpc_timeout))

    async def delete_version(
        self, name: str, build_id: str, *, skip_drainage: bool = False, rpc_timeout: timedelta | None = None
    ) -> None:
        """Forget a version that has no workers and, unless `skip_drainage`, no open pinned runs.

        Raises:
            ValueError: no build id.
            RPCError: NOT_FOUND; FAILED_PRECONDITION: it is in use.
        """
        check_text("the build id", build_id)
        request = wire.DeleteVersion(self._connection.namespace, name, build_id, skip_drainage)
        await self._connection.ask_frontend(request, nothing, rpc_timeout)

    async def delete(self, name: str, *, rpc_timeout: timedelta | None = None) -> None:
        """Forget a deployment that has no versions.

        Raises:
            RPCError: NOT_FOUND; FAILED_PRECONDITION: it has versions.
        """
        request = wire.DeleteVersion(self._connection.namespace, name, "")
        await self._connection.ask_frontend(request, nothing, rpc_timeout)


def _deployment(info: wire.DeploymentInfo) -> WorkerDeploymentDescription:
    return WorkerDeploymentDescription(
        info.name,
        WorkerDeploymentVersion(info.name, info.current) if info.current else None,
        WorkerDeploymentVersion(info.name, info.ramping) if info.ramping else None,
        info.share * 100 / wire.SHARE_WHOLE,
        info.revision,
        time_of(info.created_us),
        time_or_none(info.changed_us),
        info.changed_by,
        [_version(info.name, version) for version in info.versions],
    )


def _version(name: str, info: wire.VersionInfo) -> WorkerDeploymentVersionDescription:
    return WorkerDeploymentVersionDescription(
        WorkerDeploymentVersion(name, info.build_id),
        WorkerDeploymentVersionStatus(info.status) if info.status else None,
        None if info.pinned_runs < 0 else info.pinned_runs,
        None if info.workers < 0 else info.workers,
        info.workflow_queues,
        info.activity_queues,
        time_of(info.created_us),
        time_or_none(info.current_us),
        time_or_none(info.ramping_us),
    )
