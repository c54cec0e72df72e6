"""Where the tasks of a run go."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.protocol.deployment import SHARE_WHOLE, Behavior, DeploymentInfo, VersionInfo, VersionStamp
from perdure.protocol.tasks import TaskKind
from perdure_engine.core.versioning import (
    NO_ROUTES,
    Route,
    Version,
    activity_version,
    draw,
    last_version,
    pinned_version,
    queue_of,
    routes_of,
    workflow_version,
)
from tests.unit.perdure_engine.core.runs import begun, go_on

V1, V2 = Version("shop", "v1"), Version("shop", "v2")
PINNED = VersionStamp("shop", "v1", Behavior.PINNED)
UPGRADING = PINNED._replace(behavior=Behavior.AUTO_UPGRADE)
WORKFLOW, ACTIVITY = int(TaskKind.WORKFLOW), int(TaskKind.ACTIVITY)


def shop(current: str = "v1", ramping: str = "", share: int = 0, **fields: Any) -> DeploymentInfo:
    versions = tuple(VersionInfo(build_id, 1, ("q",), ("q", "mail")) for build_id in ("v1", "v2"))
    return DeploymentInfo("default", "shop", 1, 1, current, ramping, share, 1, "me", versions)._replace(**fields)


ROUTES = routes_of([shop("v2")])


# Routes ---------------------------------------------------------------------------------------------------------------


def test_a_deployment_routes_the_queues_of_its_versions() -> None:
    routes = routes_of([shop("v1", "v2", 3_000)])
    route = Route(V1, V2, 3_000)
    assert routes.by_queue == {
        ("default", "q", WORKFLOW): route,
        ("default", "q", ACTIVITY): route,
        ("default", "mail", ACTIVITY): route,
    }


def test_a_deployment_without_a_current_version_yet_routes_nothing() -> None:
    assert not routes_of([shop("", changed_us=0)]).by_queue


def test_back_to_workers_without_a_version() -> None:
    assert routes_of([shop("")]).by_queue["default", "q", WORKFLOW] == Route(None)


def test_a_queue_that_the_current_version_lacks_goes_to_workers_without_one() -> None:
    versions = (VersionInfo("v1", 1, ("q", "old")), VersionInfo("v2", 1, ("q",)))
    routes = routes_of([shop("v2", versions=versions)])
    assert routes.version_for("default", "old", WORKFLOW, "id") is None
    assert routes.version_for("default", "q", WORKFLOW, "id") == V2


def test_a_ramp_to_a_version_that_lacks_the_queue_takes_nothing() -> None:
    versions = (VersionInfo("v1", 1, ("q",)), VersionInfo("v2", 1, ("other",)))
    routes = routes_of([shop("v1", "v2", SHARE_WHOLE, versions=versions)])
    assert routes.version_for("default", "q", WORKFLOW, "id") == V1


def test_of_two_deployments_with_one_queue_the_later_change_counts() -> None:
    early, late = shop("v1", name="early", changed_us=5), shop("v1", name="late", changed_us=6)
    for order in ([early, late], [late, early]):
        assert routes_of(order).version_for("default", "q", WORKFLOW, "id") == Version("late", "v1")


def test_namespaces_are_apart() -> None:
    assert ROUTES.version_for("other", "q", WORKFLOW, "id") is None


# Shares ---------------------------------------------------------------------------------------------------------------


def test_a_share_of_the_ids_is_drawn() -> None:
    route = Route(V1, V2, 3_000)
    count = sum(route.version_for(f"order-{number}") == V2 for number in range(2_000))
    assert 520 <= count <= 680  # 600, and four standard deviations


def test_an_id_stays_on_its_side_and_a_ramp_that_grows_only_adds() -> None:
    ids = [f"order-{number}" for number in range(300)]
    sides = [{name for name in ids if Route(V1, V2, share).version_for(name) == V2} for share in (1_000, 3_000, 6_000)]
    assert sides[0] < sides[1] < sides[2]
    assert sides[1] == {name for name in ids if Route(V1, V2, 3_000).version_for(name) == V2}


def test_another_ramp_draws_other_ids() -> None:
    assert [draw(f"order-{number}", V1) for number in range(5)] != [draw(f"order-{number}", V2) for number in range(5)]


@pytest.mark.parametrize(("share", "version"), [(0, V1), (SHARE_WHOLE, V2)])
def test_nothing_and_everything(share: int, version: Version) -> None:
    assert {Route(V1, V2, share).version_for(f"order-{number}") for number in range(300)} == {version}


# A run ----------------------------------------------------------------------------------------------------------------


def test_a_new_run_goes_where_its_queue_is_routed() -> None:
    state = begun().state
    assert workflow_version(state, ROUTES) == V2
    assert workflow_version(state, NO_ROUTES) is None


def test_a_pinned_run_stays_and_an_upgrading_one_goes() -> None:
    for stamp, version in ((PINNED, V1), (UPGRADING, V2)):
        run = begun()
        go_on(run, version=stamp)
        assert workflow_version(run.state, ROUTES) == version
        assert last_version(run.state) == V1


def test_a_worker_that_is_not_versioned_leaves_the_run_to_the_route() -> None:
    run = begun()
    go_on(run, version=PINNED._replace(behavior=Behavior.UNSPECIFIED))
    assert last_version(run.state) is None
    assert workflow_version(run.state, ROUTES) == V2


def test_an_override_stands_above_what_workers_say() -> None:
    pinned, upgrading = begun(versioning_override=PINNED), begun(versioning_override=UPGRADING)
    for run in (pinned, upgrading):
        go_on(run, version=VersionStamp("shop", "v2", Behavior.AUTO_UPGRADE if run is pinned else Behavior.PINNED))
    assert pinned_version(pinned.state) == PINNED
    assert workflow_version(pinned.state, ROUTES) == V1
    assert pinned_version(upgrading.state) is None
    assert workflow_version(upgrading.state, ROUTES) == V2


def test_a_version_that_nobody_knows_keeps_the_runs_that_are_pinned_to_it() -> None:
    state = begun(versioning_override=VersionStamp("shop", "v9", Behavior.PINNED)).state
    assert workflow_version(state, ROUTES) == Version("shop", "v9")


def test_an_inherited_version_counts_where_it_has_the_queue() -> None:
    assert workflow_version(begun(inherited_version=PINNED).state, ROUTES) == V1
    assert workflow_version(begun(inherited_version=PINNED, task_queue="elsewhere").state, ROUTES) is None


def test_what_a_run_inherits_ends_with_its_first_workflow_task() -> None:
    run = begun(inherited_version=PINNED)
    go_on(run, version=VersionStamp("shop", "v2", Behavior.PINNED))
    assert workflow_version(run.state, ROUTES) == V2


def test_activities_of_a_pinned_run_stay_where_its_version_has_their_queue() -> None:
    run = begun()
    go_on(run, version=PINNED)
    assert activity_version(run.state, "mail", ROUTES) == V1
    assert activity_version(run.state, "elsewhere", ROUTES) is None


def test_activities_of_others_go_where_their_queue_is_routed() -> None:
    run = begun()
    go_on(run, version=UPGRADING)
    assert activity_version(run.state, "mail", ROUTES) == V2
    assert activity_version(run.state, "mail", NO_ROUTES) is None


def test_a_queue_without_a_version_keeps_its_name() -> None:
    assert queue_of("q", None) == "q"
    assert queue_of("q", V1) != "q"
