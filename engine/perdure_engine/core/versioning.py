"""Where the tasks of a run go, as far as worker deployments decide it. Pure: the routes are an argument.

    pinned         to the version that it is pinned to, until it closes
    auto-upgrade   to the version that its task queue is routed to at the moment
    new            the same, unless its start, its parent or the run before says more

- What the start says (`versioning_override`) stands above what workers say of the run.
- A route is a current version (None: workers without one), and perhaps a ramping one that takes a share of the runs.
  It is drawn by a hash of the workflow id and the ramping version: an id stays on its side while the ramp stays, and
  a ramp that grows only adds ids.
- An inherited version counts only where it has the task queue: a child on another queue goes where that is routed.
- An activity of a pinned run goes to the workers of its version where they run activities of its task queue; any other
  where its task queue is routed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from perdure.protocol.deployment import (
    SHARE_WHOLE,
    Behavior,
    DeploymentInfo,
    VersionInfo,
    VersionStamp,
    versioned_queue,
)
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.state import MutableState


class Version(NamedTuple):
    deployment_name: str
    build_id: str


class Route(NamedTuple):
    """Of one task queue, for tasks of one kind. `share`: of `SHARE_WHOLE`, to `ramping`."""

    current: Version | None
    ramping: Version | None = None
    share: int = 0

    def version_for(self, workflow_id: str) -> Version | None:
        """The version that a run of this workflow id is sent to; None: to workers without one."""
        if self.ramping is not None and self.share and draw(workflow_id, self.ramping) < self.share:
            return self.ramping
        return self.current


QueueKey = tuple[str, str, int]
"""Namespace, task queue, kind of task."""


class Routes(NamedTuple):
    """What is known of all deployments. `versions` has the queues of each version of a namespace."""

    by_queue: Mapping[QueueKey, Route] = {}
    versions: Mapping[tuple[str, Version], frozenset[tuple[str, int]]] = {}

    def version_for(self, namespace: str, task_queue: str, kind: int, workflow_id: str) -> Version | None:
        """Where a task of this kind is routed."""
        route = self.by_queue.get((namespace, task_queue, kind))
        return None if route is None else route.version_for(workflow_id)

    def lacks(self, namespace: str, version: Version, task_queue: str, kind: int) -> bool:
        """Whether no worker of this version has ever taken such tasks from this queue; False for an unknown version."""
        queues = self.versions.get((namespace, version))
        return queues is not None and (task_queue, kind) not in queues


NO_ROUTES = Routes()


def routes_of(deployments: Iterable[DeploymentInfo]) -> Routes:
    """The routes that follow from all deployments. Of two that have the same task queue the one counts whose routing
    was changed last."""
    by_queue: dict[QueueKey, Route] = {}
    versions: dict[tuple[str, Version], frozenset[tuple[str, int]]] = {}
    for deployment in sorted(deployments, key=lambda known: (known.changed_us, known.namespace, known.name)):
        queues: dict[tuple[str, int], int] = {}
        for version in deployment.versions:
            own = _queues_of(version)
            queues.update(dict.fromkeys(own, 1))
            versions[deployment.namespace, Version(deployment.name, version.build_id)] = frozenset(own)
        if deployment.changed_us:
            for task_queue, kind in queues:
                by_queue[deployment.namespace, task_queue, kind] = _route(deployment, task_queue, kind)
    return Routes(by_queue, versions)


def _queues_of(version: VersionInfo) -> list[tuple[str, int]]:
    return [
        *((name, int(TaskKind.WORKFLOW)) for name in version.workflow_queues),
        *((name, int(TaskKind.ACTIVITY)) for name in version.activity_queues),
    ]


def _route(deployment: DeploymentInfo, task_queue: str, kind: int) -> Route:
    def version_of(build_id: str) -> Version | None:
        version = deployment.version(build_id)
        if version is None or (task_queue, kind) not in _queues_of(version):
            return None
        return Version(deployment.name, build_id)

    ramping = version_of(deployment.ramping)
    return Route(version_of(deployment.current), ramping, deployment.share if ramping is not None else 0)


def draw(workflow_id: str, version: Version) -> int:
    """A number below `SHARE_WHOLE`, always the same for the same arguments."""
    data = f"{version.deployment_name}.{version.build_id}\0{workflow_id}".encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") * SHARE_WHOLE >> 64


# A run ----------------------------------------------------------------------------------------------------------------


def pinned_version(state: MutableState) -> VersionStamp | None:
    """The version that the run is pinned to."""
    stamp = state.started.versioning_override or state.version
    return stamp if stamp is not None and stamp.behavior == Behavior.PINNED else None


def workflow_version(state: MutableState, routes: Routes) -> Version | None:
    """The version whose workers are to have the next workflow task; None: those without one."""
    kind, task_queue = int(TaskKind.WORKFLOW), state.task_queue
    pinned = pinned_version(state)
    if pinned is not None:
        version = Version(pinned.deployment_name, pinned.build_id)
        is_own = pinned is state.started.versioning_override or state.last_completed_event_id != 0
        if is_own or not routes.lacks(state.namespace, version, task_queue, kind):
            return version
    return routes.version_for(state.namespace, task_queue, kind, state.workflow_id)


def activity_version(state: MutableState, task_queue: str, routes: Routes) -> Version | None:
    """The version whose workers are to have an activity; None: those without one."""
    kind = int(TaskKind.ACTIVITY)
    pinned = pinned_version(state)
    if pinned is not None:
        version = Version(pinned.deployment_name, pinned.build_id)
        if (task_queue, kind) in routes.versions.get((state.namespace, version), ()):
            return version
    return routes.version_for(state.namespace, task_queue, kind, state.workflow_id)


def queue_of(task_queue: str, version: Version | None) -> str:
    """The queue that workers of this version poll for a task queue."""
    return task_queue if version is None else versioned_queue(task_queue, *version)


def last_version(state: MutableState) -> Version | None:
    """The version of the worker that completed the last workflow task, if it takes the tasks of a version."""
    stamp = state.version
    if stamp is None or stamp.behavior == Behavior.UNSPECIFIED:
        return None
    return Version(stamp.deployment_name, stamp.build_id)
