"""The version that a worker is: what its workflows must say, which queue it polls, how the cluster learns of it."""

from __future__ import annotations

from perdure.client.connection import checked
from perdure.protocol.deployment import RegisterVersion, versioned_queue
from perdure.transport import Transport
from perdure.versioning import WorkerDeploymentConfig
from perdure.worker.registry import Registry


def check_behaviors(config: WorkerDeploymentConfig | None, registry: Registry) -> None:
    """Whether every workflow of a versioned worker says how it behaves.

    Raises:
        ValueError: one does not.
    """
    if config is None or not config.use_worker_versioning or config.default_versioning_behavior:
        return
    for definition in registry.workflows.values():
        if not definition.versioning_behavior:
            raise ValueError(
                f"workflow {definition.name!r} must say what its runs do when the version of this worker is no longer "
                "the current one: @workflow.defn(versioning_behavior=...), or default_versioning_behavior of the "
                "WorkerDeploymentConfig"
            )


def polled_queue(config: WorkerDeploymentConfig | None, task_queue: str) -> str:
    """The queue that the worker polls."""
    if config is None or not config.use_worker_versioning:
        return task_queue
    return versioned_queue(task_queue, config.version.deployment_name, config.version.build_id)


async def register(
    transport: Transport,
    namespace: str,
    task_queue: str,
    config: WorkerDeploymentConfig | None,
    *,
    runs_workflows: bool,
    runs_activities: bool,
) -> None:
    """Tell the cluster that this version has this task queue; wait until it knows.

    Raises:
        RPCError: it refuses.
    """
    if config is None or not config.use_worker_versioning:
        return
    version = config.version
    request = RegisterVersion(
        namespace, version.deployment_name, version.build_id, task_queue, runs_workflows, runs_activities
    )
    checked(await transport.submit_frontend(request, None))
