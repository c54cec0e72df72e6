"""Worker deployments, as any engine answers for them."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.codec import pack, unpack
from perdure.protocol.deployment import (
    Behavior,
    DeleteVersion,
    DeploymentInfo,
    DescribeDeployment,
    ListDeployments,
    RegisterVersion,
    SetCurrentVersion,
    SetRampingVersion,
    VersionStamp,
    VersionStatus,
    decode_deployment,
    decode_deployment_list,
    versioned_queue,
)
from perdure.protocol.replies import ErrorCode
from perdure_broker.port import StreamKind, TaskStream, WorkerInfo
from perdure_engine.frontend import deployments
from tests.engine_stage import QUEUE, Stage, completion, done, pass_time
from tests.unit.perdure_engine.frontend.test_service import answer, refusal


def registration(build_id: str, queue: str = QUEUE, **fields: Any) -> RegisterVersion:
    return RegisterVersion("default", "shop", build_id, queue, True, True)._replace(**fields)


def stream(build_id: str, kind: StreamKind = StreamKind.WORKFLOW) -> TaskStream:
    return TaskStream("default", versioned_queue(QUEUE, "shop", build_id), kind)


async def versions(stage: Stage, *build_ids: str) -> None:
    """Versions with one running worker each."""
    for build_id in build_ids:
        await answer(stage, registration(build_id))
        await stage.broker.announce_worker(stream(build_id), WorkerInfo(f"worker-{build_id}", "", 10, 0), 3_600_000)


def current(build_id: str, **fields: Any) -> SetCurrentVersion:
    return SetCurrentVersion("default", "shop", build_id, identity="me")._replace(**fields)


def ramping(build_id: str, share: int = 1_000, **fields: Any) -> SetRampingVersion:
    return SetRampingVersion("default", "shop", build_id, share, identity="me")._replace(**fields)


async def shop(stage: Stage) -> DeploymentInfo:
    info: DeploymentInfo = decode_deployment(await answer(stage, DescribeDeployment("default", "shop")))
    return info


async def statuses(stage: Stage) -> dict[str, VersionStatus]:
    return {version.build_id: VersionStatus(version.status) for version in (await shop(stage)).versions}


async def test_a_deployment_begins_with_its_first_worker(stage: Stage) -> None:
    assert (await refusal(stage, DescribeDeployment("default", "shop"))).code == ErrorCode.NOT_FOUND
    await versions(stage, "v1")
    await answer(stage, registration("v1"))
    await answer(stage, registration("v1", "mail", runs_workflows=False))
    known = await shop(stage)
    [version] = known.versions
    assert (version.workflow_queues, version.activity_queues) == ((QUEUE,), (QUEUE, "mail"))
    assert (version.status, version.workers, version.pinned_runs) == (VersionStatus.INACTIVE, 1, 0)
    assert known.revision == 2, "what is known already changes nothing"
    listed = decode_deployment_list(await answer(stage, ListDeployments("default")))
    assert [row.name for row in listed.rows] == ["shop"]
    assert not decode_deployment_list(await answer(stage, ListDeployments("other"))).rows


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"deployment_name": "my.shop"}, "a dot"), ({"task_queue": ""}, "task queue"), ({"build_id": ""}, "build id")],
)
async def test_a_version_that_cannot_be_is_refused(stage: Stage, fields: dict[str, str], problem: str) -> None:
    assert problem in (await refusal(stage, registration("v1")._replace(**fields))).message


async def test_current_ramping_and_back(stage: Stage) -> None:
    await versions(stage, "v1", "v2")
    await answer(stage, current("v1"))
    await answer(stage, ramping("v2", 3_000))
    known = await shop(stage)
    assert (known.current, known.ramping, known.share, known.changed_by) == ("v1", "v2", 3_000, "me")
    assert await statuses(stage) == {"v1": VersionStatus.CURRENT, "v2": VersionStatus.RAMPING}
    await answer(stage, current("v2"))
    known = await shop(stage)
    assert (known.current, known.ramping, known.share) == ("v2", "", 0)
    assert await statuses(stage) == {"v1": VersionStatus.DRAINED, "v2": VersionStatus.CURRENT}
    await answer(stage, ramping("v1"))
    await answer(stage, ramping("", 0))
    assert (await shop(stage)).ramping == ""
    await answer(stage, current(""))
    assert await statuses(stage) == {"v1": VersionStatus.DRAINED, "v2": VersionStatus.DRAINED}


async def test_what_is_so_already_changes_nothing(stage: Stage) -> None:
    await versions(stage, "v1")
    first = await answer(stage, current("v1"))
    assert await answer(stage, current("v1")) == first


async def test_what_would_leave_work_without_workers_is_refused(stage: Stage) -> None:
    await versions(stage, "v1")
    await answer(stage, registration("v1", "mail"))
    await answer(stage, current("v1"))
    assert (await refusal(stage, current("v9"))).code == ErrorCode.NOT_FOUND
    await answer(stage, registration("v2"))
    assert "no worker of shop.v2 is running" in (await refusal(stage, current("v2"))).message
    assert "no workers on 'mail'" in (await refusal(stage, ramping("v2", allow_no_pollers=True))).message
    await answer(stage, current("v2", allow_no_pollers=True, allow_missing_queues=True))


async def test_the_current_version_cannot_ramp(stage: Stage) -> None:
    await versions(stage, "v1")
    await answer(stage, current("v1"))
    assert "is the current version already" in (await refusal(stage, ramping("v1"))).message
    assert "0 to 100 percent" in (await refusal(stage, ramping("v1", 10_001))).message


async def test_a_change_that_was_decided_on_something_else_is_refused(stage: Stage) -> None:
    await versions(stage, "v1", "v2")
    revision = (await shop(stage)).revision
    await answer(stage, current("v1", revision=revision))
    error = await refusal(stage, current("v2", revision=revision))
    assert (error.code, "has been changed" in error.message) == (ErrorCode.FAILED_PRECONDITION, True)


async def test_of_two_changes_at_once_one_is_decided_anew(stage: Stage) -> None:
    await versions(stage, "v1", "v2")
    raced = False

    async def race(method: str) -> None:
        nonlocal raced
        if method == "update_deployment" and not raced:
            raced = True
            [row] = stage.database.deployments.values()
            known = decode_deployment(unpack(row.data))
            later = known._replace(revision=row.revision + 1, ramping="v2", share=5)
            stage.database.deployments["default", "shop"] = row._replace(revision=later.revision, data=pack(later))

    stage.store_calls = race
    await answer(stage, current("v1"))
    known = await shop(stage)
    assert (known.current, known.ramping, known.share) == ("v1", "v2", 5)


async def test_a_version_with_open_pinned_runs_drains(stage: Stage) -> None:
    await versions(stage, "v1", "v2")
    await answer(stage, current("v1"))
    await stage.start()
    stamp = VersionStamp("shop", "v1", Behavior.PINNED)
    entry, task = await stage.take(stream("v1"), worker="worker-v1")
    await stage.ask(completion(entry, task)._replace(version=stamp))
    await answer(stage, current("v2"))
    await pass_time(1)
    assert (await statuses(stage))["v1"] == VersionStatus.DRAINING
    await stage.broker.withdraw_worker(stream("v1"), "worker-v1")
    error = await refusal(stage, DeleteVersion("default", "shop", "v1"))
    assert "1 open runs are pinned" in error.message
    await answer(stage, DeleteVersion("default", "shop", "v1", skip_drainage=True))
    assert list(await statuses(stage)) == ["v2"]


async def test_only_what_is_not_used_is_forgotten(stage: Stage) -> None:
    await versions(stage, "v1", "v2", "v3")
    await answer(stage, current("v1"))
    await answer(stage, ramping("v2"))
    for build_id, why in (("v1", "is the current"), ("v2", "is the ramping"), ("v3", "1 workers of shop.v3")):
        assert why in (await refusal(stage, DeleteVersion("default", "shop", build_id))).message
    assert "has 3 versions" in (await refusal(stage, DeleteVersion("default", "shop", ""))).message
    assert (await refusal(stage, DeleteVersion("default", "shop", "v9"))).code == ErrorCode.NOT_FOUND
    await answer(stage, current(""))
    await answer(stage, ramping("", 0))
    for build_id in ("v1", "v2", "v3"):
        await stage.broker.withdraw_worker(stream(build_id), f"worker-{build_id}")
        await answer(stage, DeleteVersion("default", "shop", build_id))
    await answer(stage, DeleteVersion("default", "shop", ""))
    assert (await refusal(stage, DeleteVersion("default", "shop", ""))).code == ErrorCode.NOT_FOUND


async def test_there_are_limits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "VERSIONS_MAX", 1)
    monkeypatch.setattr(deployments, "QUEUES_MAX", 2)
    await versions(stage, "v1")
    assert "delete drained ones" in (await refusal(stage, registration("v2"))).message
    assert "more than 2 task queues" in (await refusal(stage, registration("v1", "mail"))).message


async def test_a_change_is_followed_at_once(stage: Stage) -> None:
    await versions(stage, "v1")
    await answer(stage, current("v1"))
    await stage.start()
    entry, task = await stage.take(stream("v1"), worker="worker-v1")
    await stage.complete(entry, task, done())
