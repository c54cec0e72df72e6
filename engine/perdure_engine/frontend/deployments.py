"""Answers about worker deployments: who is there, which version is current, which one ramps, what may be forgotten.

Rules:
- A version is known from its first worker on. Which task queues it has is what its workers polled, at any time.
- A change names the revision that it was decided on; of two at once one is decided anew.
- What would leave work without workers is refused unless the request says that it is meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from perdure.protocol.codec import pack, unpack
from perdure.protocol.deployment import (
    SHARE_WHOLE,
    DeleteVersion,
    DeploymentInfo,
    DeploymentList,
    DescribeDeployment,
    ListDeployments,
    RegisterVersion,
    SetCurrentVersion,
    SetRampingVersion,
    VersionInfo,
    VersionStatus,
    decode_deployment,
    version_problem,
    versioned_queue,
)
from perdure.protocol.ids import text_problem
from perdure.protocol.replies import ErrorCode, ErrorReply, ExecutionStatus, ReplyKind
from perdure.protocol.search_attributes import PREDEFINED
from perdure_broker.port import Broker, StreamKind, TaskStream
from perdure_engine.core.version_fold import BEHAVIOR, DEPLOYMENT_VERSION
from perdure_engine.environment import Environment
from perdure_engine.listing.fields import Fields
from perdure_store.catalog import DeploymentRow
from perdure_store.list_query import All, Comparison, ListQuery, Operator
from perdure_store.port import Store

VERSIONS_MAX = 200
"""Versions of one deployment; drained ones are to be deleted."""

QUEUES_MAX = 1_000
"""Task queues of one version."""

Answer = tuple[ReplyKind, Any]


class _Refused(Exception):
    def __init__(self, message: str, code: ErrorCode = ErrorCode.FAILED_PRECONDITION) -> None:
        super().__init__(message)
        self.code = code


class Deployments:
    """Args:
    changed: called after each change, so that this engine follows it at once.
    """

    def __init__(
        self, store: Store, broker: Broker, environment: Environment, changed: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._broker = broker
        self._environment = environment
        self._changed = changed

    # Reading -------------------------------------------------------------------------------------------------------

    async def list(self, request: ListDeployments) -> Answer:
        rows = await self._store.deployments()
        return ReplyKind.OK, DeploymentList(tuple(_read(row) for row in rows if row.namespace == request.namespace))

    async def describe(self, request: DescribeDeployment) -> Answer:
        known = await self._find(request.namespace, request.deployment_name)
        if known is None:
            return _no_deployment(request.deployment_name)
        versions = [await self._counted(known, version) for version in known.versions]
        return ReplyKind.OK, known._replace(versions=tuple(versions))

    # Changing ------------------------------------------------------------------------------------------------------

    async def register(self, request: RegisterVersion) -> Answer:
        problem = (
            text_problem("the namespace", request.namespace)
            or text_problem("the task queue", request.task_queue)
            or version_problem(request.deployment_name, request.build_id)
        )
        if problem is not None:
            return ReplyKind.ERROR, ErrorReply(ErrorCode.INVALID_ARGUMENT, problem)
        while True:
            known = await self._find(request.namespace, request.deployment_name)
            now_us = self._environment.now_us()
            before = known or DeploymentInfo(request.namespace, request.deployment_name, 0, now_us)
            try:
                after = _registered(before, request, now_us)
            except _Refused as refused:
                return ReplyKind.ERROR, ErrorReply(refused.code, str(refused))
            if after == before or await self._keep(after):
                return ReplyKind.OK, None

    async def set_current(self, request: SetCurrentVersion) -> Answer:
        async def change(known: DeploymentInfo) -> DeploymentInfo:
            await self._check_target(known, request)
            return _with_current(known, request.build_id, self._environment.now_us())

        return await self._change(request, change)

    async def set_ramping(self, request: SetRampingVersion) -> Answer:
        async def change(known: DeploymentInfo) -> DeploymentInfo:
            if not 0 <= request.share <= SHARE_WHOLE:
                raise _Refused("a version can take 0 to 100 percent of the runs", ErrorCode.INVALID_ARGUMENT)
            if request.build_id and request.build_id == known.current:
                raise _Refused(f"{request.build_id!r} is the current version already: it has all runs")
            await self._check_target(known, request)
            return _with_ramping(known, request.build_id, request.share, self._environment.now_us())

        return await self._change(request, change)

    async def delete(self, request: DeleteVersion) -> Answer:
        while True:
            known = await self._find(request.namespace, request.deployment_name)
            if known is None:
                return _no_deployment(request.deployment_name)
            try:
                is_done = await self._delete(known, request)
            except _Refused as refused:
                return ReplyKind.ERROR, ErrorReply(refused.code, str(refused))
            if is_done:
                await self._changed()
                return ReplyKind.OK, None

    async def _delete(self, known: DeploymentInfo, request: DeleteVersion) -> bool:
        if not request.build_id:
            if known.versions:
                raise _Refused(f"{known.name!r} has {len(known.versions)} versions; delete them first")
            return await self._store.delete_deployment(known.namespace, known.name, known.revision)
        version = _version(known, request.build_id)
        if version.build_id in (known.current, known.ramping):
            which = "the current" if version.build_id == known.current else "the ramping"
            raise _Refused(f"{version.build_id!r} is {which} version of {known.name!r}; set another one first")
        counted = await self._counted(known, version)
        if counted.workers:
            raise _Refused(f"{counted.workers} workers of {known.name}.{version.build_id} are running; stop them first")
        if counted.pinned_runs and not request.skip_drainage:
            raise _Refused(
                f"{counted.pinned_runs:,} open runs are pinned to {known.name}.{version.build_id}, and nobody could "
                "carry them on; wait until they have closed, or say that drainage is to be skipped"
            )
        others = tuple(other for other in known.versions if other.build_id != version.build_id)
        return await self._keep(known._replace(revision=known.revision + 1, versions=others))

    async def _change(
        self,
        request: SetCurrentVersion | SetRampingVersion,
        change: Callable[[DeploymentInfo], Awaitable[DeploymentInfo]],
    ) -> Answer:
        while True:
            known = await self._find(request.namespace, request.deployment_name)
            if known is None:
                return _no_deployment(request.deployment_name)
            try:
                if request.revision and request.revision != known.revision:
                    raise _Refused(
                        f"{known.name!r} has been changed: it is at revision {known.revision}, not {request.revision}; "
                        "look at it again"
                    )
                after = await change(known)
            except _Refused as refused:
                return ReplyKind.ERROR, ErrorReply(refused.code, str(refused))
            if after == known:
                return ReplyKind.OK, known
            after = after._replace(
                revision=known.revision + 1, changed_us=self._environment.now_us(), changed_by=request.identity
            )
            if await self._keep(after):
                await self._changed()
                return ReplyKind.OK, after

    async def _check_target(self, known: DeploymentInfo, request: SetCurrentVersion | SetRampingVersion) -> None:
        """Whether runs may be sent to this version.

        Raises:
            _Refused
        """
        if not request.build_id:
            return
        version = _version(known, request.build_id)
        name = f"{known.name}.{version.build_id}"
        if not request.allow_no_pollers and not await self._workers(known, version):
            raise _Refused(f"no worker of {name} is running; start one first, or say that having none is allowed")
        current = known.version(known.current)
        if current is None or request.allow_missing_queues:
            return
        missing = [
            *(queue for queue in current.workflow_queues if queue not in version.workflow_queues),
            *(queue for queue in current.activity_queues if queue not in version.activity_queues),
        ]
        if missing:
            raise _Refused(
                f"{name} has no workers on {', '.join(map(repr, dict.fromkeys(missing)))}, which the current version "
                f"{known.current!r} has; start them first, or say that missing task queues are allowed"
            )

    # The store, the broker ---------------------------------------------------------------------------------------

    async def _find(self, namespace: str, name: str) -> DeploymentInfo | None:
        rows = await self._store.deployments()
        return next((_read(row) for row in rows if (row.namespace, row.name) == (namespace, name)), None)

    async def _keep(self, info: DeploymentInfo) -> bool:
        """Write it; False: somebody else was first."""
        row = DeploymentRow(info.namespace, info.name, info.revision, pack(info))
        return await (self._store.insert_deployment(row) if info.revision == 1 else self._store.update_deployment(row))

    async def _counted(self, known: DeploymentInfo, version: VersionInfo) -> VersionInfo:
        pinned = await self._pinned_runs(known, version)
        if version.build_id == known.current:
            status = VersionStatus.CURRENT
        elif version.build_id == known.ramping:
            status = VersionStatus.RAMPING
        elif pinned:
            status = VersionStatus.DRAINING
        else:
            status = VersionStatus.DRAINED if version.left_us else VersionStatus.INACTIVE
        workers = await self._workers(known, version)
        return version._replace(status=int(status), pinned_runs=pinned, workers=workers)

    async def _pinned_runs(self, known: DeploymentInfo, version: VersionInfo) -> int:
        """Open runs that are pinned to a version, as lists know them."""
        fields = Fields(PREDEFINED)
        where = All(
            (
                Comparison(fields.find("ExecutionStatus"), Operator.IN, (int(ExecutionStatus.RUNNING),)),
                Comparison(fields.find(DEPLOYMENT_VERSION), Operator.IN, (f"{known.name}:{version.build_id}",)),
                Comparison(fields.find(BEHAVIOR), Operator.IN, ("Pinned",)),
            )
        )
        return sum(group.total for group in await self._store.count_visibility(ListQuery(known.namespace, where)))

    async def _workers(self, known: DeploymentInfo, version: VersionInfo) -> int:
        """Workers of a version that poll one of its task queues now."""
        found: dict[str, int] = {}
        for kind, queues in (
            (StreamKind.WORKFLOW, version.workflow_queues),
            (StreamKind.ACTIVITY, version.activity_queues),
        ):
            for task_queue in queues:
                name = versioned_queue(task_queue, known.name, version.build_id)
                state = await self._broker.queue_state(TaskStream(known.namespace, name, kind))
                found.update({worker.worker: 1 for worker in state.workers})
        return len(found)


def _read(row: DeploymentRow) -> DeploymentInfo:
    info: DeploymentInfo = decode_deployment(unpack(row.data))
    return info


def _no_deployment(name: str) -> Answer:
    message = f"there is no worker deployment {name!r}; it begins with its first worker"
    return ReplyKind.ERROR, ErrorReply(ErrorCode.NOT_FOUND, message)


def _version(known: DeploymentInfo, build_id: str) -> VersionInfo:
    version = known.version(build_id)
    if version is None:
        raise _Refused(
            f"the deployment {known.name!r} has no version {build_id!r}; it has "
            f"{', '.join(repr(other.build_id) for other in known.versions) or 'none'}",
            ErrorCode.NOT_FOUND,
        )
    return version


def _registered(known: DeploymentInfo, request: RegisterVersion, now_us: int) -> DeploymentInfo:
    """The deployment, with this version and this task queue in it."""
    version = known.version(request.build_id)
    if version is None and len(known.versions) >= VERSIONS_MAX:
        raise _Refused(
            f"the deployment {known.name!r} has {VERSIONS_MAX} versions; delete drained ones "
            f"(`perdure deployment delete {known.name} BUILD_ID`)"
        )
    after = version or VersionInfo(request.build_id, now_us)
    if request.runs_workflows and request.task_queue not in after.workflow_queues:
        after = after._replace(workflow_queues=(*after.workflow_queues, request.task_queue))
    if request.runs_activities and request.task_queue not in after.activity_queues:
        after = after._replace(activity_queues=(*after.activity_queues, request.task_queue))
    if len(after.workflow_queues) + len(after.activity_queues) > QUEUES_MAX:
        raise _Refused(f"{known.name}.{request.build_id} has more than {QUEUES_MAX:,} task queues")
    if after == version:
        return known
    return _replaced(known, after)._replace(revision=known.revision + 1)


def _replaced(known: DeploymentInfo, version: VersionInfo) -> DeploymentInfo:
    """The deployment with this version in place of what it had of this build id, or behind the others."""
    if known.version(version.build_id) is None:
        return known._replace(versions=(*known.versions, version))
    versions = tuple(version if other.build_id == version.build_id else other for other in known.versions)
    return known._replace(versions=versions)


def _with_current(known: DeploymentInfo, build_id: str, now_us: int) -> DeploymentInfo:
    """The deployment with this current version; a ramp to it is over."""
    if build_id == known.current and known.changed_us:
        return known
    after = _left(known, known.current, now_us)
    if build_id and build_id == known.ramping:
        after = _left(after, build_id, now_us)._replace(ramping="", share=0)
    version = after.version(build_id)
    if version is not None:
        after = _replaced(after, version._replace(current_us=now_us))
    return after._replace(current=build_id)


def _with_ramping(known: DeploymentInfo, build_id: str, share: int, now_us: int) -> DeploymentInfo:
    """The deployment with this ramping version, or with none."""
    after = known
    if build_id != known.ramping:
        after = _left(known, known.ramping, now_us)
        version = after.version(build_id)
        if version is not None:
            after = _replaced(after, version._replace(ramping_us=now_us))
    return after._replace(ramping=build_id, share=share if build_id else 0)


def _left(known: DeploymentInfo, build_id: str, now_us: int) -> DeploymentInfo:
    """The deployment, after this version was current or ramping."""
    version = known.version(build_id)
    if version is None:
        return known
    return _replaced(known, version._replace(current_us=0, ramping_us=0, left_us=now_us))
