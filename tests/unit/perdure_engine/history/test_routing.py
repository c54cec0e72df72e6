"""Routing: each task of a run comes to the workers of the version that is to have it."""

from __future__ import annotations

from typing import Any

from perdure.protocol.activity_executions import ActivityOptions, StartActivity
from perdure.protocol.codec import pack
from perdure.protocol.deployment import Behavior, DeploymentInfo, VersionInfo, VersionStamp, versioned_queue
from perdure.protocol.requests import QueryWorkflow, SignalWorkflow
from perdure.protocol.tasks import TaskKind
from perdure_broker.port import StreamKind, TaskEntry, WorkerInfo
from perdure_store.catalog import DeploymentRow
from tests.engine_stage import ACTIVITIES, QUEUE, WORKFLOWS, Stage, activity, completion, done

V1, V2 = (VersionStamp("shop", build_id, Behavior.PINNED) for build_id in ("v1", "v2"))


def queue(stamp: VersionStamp) -> str:
    return versioned_queue(QUEUE, stamp.deployment_name, stamp.build_id)


async def route(stage: Stage, current: str) -> None:
    """Both versions have workers for everything; this one is current."""
    versions = tuple(VersionInfo(build_id, 1, (QUEUE,), (QUEUE,)) for build_id in ("v1", "v2"))
    known = await stage.store.deployments()
    revision = known[0].revision + 1 if known else 1
    info = DeploymentInfo("default", "shop", revision, 1, current, "", 0, revision, "me", versions)
    row = DeploymentRow("default", "shop", revision, pack(info))
    assert await (stage.store.update_deployment(row) if known else stage.store.insert_deployment(row))
    await stage.history.routing.refresh()
    for stamp in (V1, V2):
        for stream in (WORKFLOWS, ACTIVITIES, WORKFLOWS._replace(kind=StreamKind.STICKY, worker=stamp.build_id)):
            of_version = stream._replace(task_queue=queue(stamp))
            await stage.broker.announce_worker(of_version, WorkerInfo(stamp.build_id, "", 100, 0), 3_600_000)


async def take(stage: Stage, stamp: VersionStamp, *, sticky: bool = False) -> tuple[TaskEntry, Any]:
    """The next workflow task of a version."""
    stream = WORKFLOWS._replace(task_queue=queue(stamp))
    if sticky:
        stream = stream._replace(kind=StreamKind.STICKY, worker=stamp.build_id)
    return await stage.take(stream, worker=stamp.build_id)


async def complete(stage: Stage, taken: tuple[TaskEntry, Any], stamp: VersionStamp, *commands: Any) -> None:
    request = completion(*taken, *commands, sticky_worker=stamp.build_id)._replace(version=stamp)
    await stage.ask(request)


async def signal(stage: Stage, request_id: str) -> None:
    await stage.ask(SignalWorkflow("default", "wf", "", "poke", b"", request_id, "client"))


async def test_without_deployments_nothing_changes(stage: Stage) -> None:
    await stage.start()
    task = await stage.decide(done())
    assert task.workflow_id == "wf"
    assert not stage.history.routing.is_used


async def test_a_new_run_goes_to_the_current_version(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), V1, done())


async def test_a_pinned_run_and_its_activities_stay(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), V1)
    await route(stage, "v2")
    await signal(stage, "s1")
    await complete(stage, await take(stage, V1, sticky=True), V1, activity())
    await stage.take(ACTIVITIES._replace(task_queue=queue(V1)), worker="v1")


async def test_an_upgrading_run_leaves_its_sticky_worker_for_the_new_version(stage: Stage) -> None:
    upgrading = V1._replace(behavior=Behavior.AUTO_UPGRADE)
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), upgrading)
    await signal(stage, "s1")
    await complete(stage, await take(stage, V1, sticky=True), upgrading)
    await route(stage, "v2")
    await signal(stage, "s2")
    entry, task = await take(stage, V2)
    assert task.continues_from == 0
    await complete(stage, (entry, task), upgrading._replace(build_id="v2"), activity())
    await stage.take(ACTIVITIES._replace(task_queue=queue(V2)), worker="v2")


async def test_back_to_workers_without_a_version(stage: Stage) -> None:
    await route(stage, "v1")
    await route(stage, "")
    await stage.start()
    await stage.decide(done())


async def test_a_query_goes_to_the_version_that_carried_the_run_on(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), V1._replace(behavior=Behavior.AUTO_UPGRADE))
    await route(stage, "v2")
    [number] = await stage.send(QueryWorkflow("default", "wf", "", "how", b"", stage.now_us() + 60_000_000))
    _, task = await take(stage, V1, sticky=True)
    assert task.request_number == number


async def test_a_query_of_a_closed_run_goes_where_its_queue_is_routed(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), V1, done())
    await route(stage, "v2")
    [number] = await stage.send(QueryWorkflow("default", "wf", "", "how", b"", stage.now_us() + 60_000_000))
    _, task = await take(stage, V2)
    assert task.request_number == number


async def test_a_sticky_task_that_is_not_taken_goes_to_its_version(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    await complete(stage, await take(stage, V1), V1)
    await signal(stage, "s1")
    _, task = await take(stage, V1)
    assert task.run_id


async def test_another_owner_publishes_to_the_same_version(stage: Stage) -> None:
    await route(stage, "v1")
    await stage.start()
    [row] = stage.outstanding(TaskKind.WORKFLOW)
    assert row.task_queue == queue(V1)
    stage.kill_engine()
    stage.engines.clear()
    await stage.start_engine("two")
    await complete(stage, await take(stage, V1), V1, done())


async def test_an_activity_without_a_workflow_goes_to_the_current_version(stage: Stage) -> None:
    await route(stage, "v2")
    options = ActivityOptions(start_to_close_timeout_ms=60_000)
    await stage.ask(StartActivity("default", "a", "act", QUEUE, b"in", "r", "client", options))
    _, task = await stage.take(ACTIVITIES._replace(task_queue=queue(V2)), worker="v2")
    assert (task.activity_id, task.task_queue) == ("a", QUEUE)
