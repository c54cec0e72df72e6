"""Routing: the queue of each task of a run, by the versions of its workers.

Role: holds the routes of all deployments as this engine knows them, and gives a dispatch its queue. The rules are in
`core.versioning`.
Rules:
- A queue that no deployment has costs a look at an empty map.
- Routes are read each second, and at once by the engine that changed them. What was dispatched before stays where it
  is; the next task of a run goes by the new routes.
- A run that changes its version leaves its sticky worker: that one has the wrong code, and keeps an instance that will
  never be asked again.
"""

from __future__ import annotations

from perdure.protocol.codec import unpack
from perdure.protocol.deployment import decode_deployment
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.standalone.execution import ActivityExecution
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Dispatch
from perdure_engine.core.versioning import (
    NO_ROUTES,
    activity_version,
    last_version,
    queue_of,
    routes_of,
    workflow_version,
)
from perdure_engine.core.workflow_task import encode_workflow_task
from perdure_store.catalog import DeploymentRow
from perdure_store.port import Store


class Routing:
    """What one engine knows of worker deployments."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: list[DeploymentRow] = []
        self.routes = NO_ROUTES
        self.is_used = False

    async def refresh(self) -> None:
        """Read the deployments anew."""
        rows = await self._store.deployments()
        if rows != self._rows:
            self.routes = routes_of(decode_deployment(unpack(row.data)) for row in rows)
            self.is_used = bool(rows)
            self._rows = rows

    def concerns(self, state: MutableState) -> bool:
        """Whether tasks of this run may go elsewhere than to the plain task queue."""
        return self.is_used or state.version is not None or state.started.versioning_override is not None

    def direct(self, state: MutableState, effect: Dispatch, now_us: int) -> Dispatch:
        """The dispatch, to the queue of the version that is to have it."""
        if effect.kind != TaskKind.WORKFLOW:
            version = activity_version(state, effect.task_queue, self.routes)
            return effect if version is None else effect._replace(task_queue=queue_of(effect.task_queue, version))
        version = workflow_version(state, self.routes)
        if effect.worker and version != last_version(state):
            state.sticky_worker = ""
            effect = effect._replace(worker="", data=encode_workflow_task(state, now_us, whole=True))
        return effect if version is None else effect._replace(task_queue=queue_of(effect.task_queue, version))

    def direct_activity(self, execution: ActivityExecution, effect: Dispatch) -> Dispatch:
        """The dispatch of an activity without a workflow, to the queue of the version that is current there."""
        activity_id = execution.attributes.activity_id
        version = self.routes.version_for(execution.namespace, effect.task_queue, TaskKind.ACTIVITY, activity_id)
        return effect if version is None else effect._replace(task_queue=queue_of(effect.task_queue, version))

    def workflow_queue(self, state: MutableState) -> str:
        """Where a workflow task of this run goes now."""
        if not self.concerns(state):
            return state.task_queue
        return queue_of(state.task_queue, workflow_version(state, self.routes))

    def answering_queue(self, state: MutableState) -> str:
        """Where a question to this run goes: to the workers that carried it on last."""
        return queue_of(state.task_queue, last_version(state)) if state.version is not None else state.task_queue

    def queue_of_closed(self, namespace: str, task_queue: str, workflow_id: str) -> str:
        """Where a question to a closed run goes: its version is not known without its history."""
        version = self.routes.version_for(namespace, task_queue, TaskKind.WORKFLOW, workflow_id)
        return queue_of(task_queue, version)
