"""What the version of its workers means for a run: how lists find it, and what the next run begins with."""

from __future__ import annotations

from perdure.protocol.commands import ContinueAsNewWorkflowExecution
from perdure.protocol.deployment import Behavior, VersionStamp
from perdure.protocol.search_attributes import SearchAttributeType, pack_search_attributes, unpack_search_attributes
from perdure_engine.core.state import MutableState
from perdure_engine.core.transition import Close, Relist, Transition
from perdure_engine.core.version_fold import BEHAVIOR, DEPLOYMENT, DEPLOYMENT_VERSION, without_version
from tests.unit.perdure_engine.core.runs import begun, go_on, signal

PINNED = VersionStamp("shop", "v1", Behavior.PINNED)
OWN = pack_search_attributes({"Amount": (int(SearchAttributeType.INT), 7)})


def attributes(state: MutableState) -> dict[str, object]:
    return {name: value for name, (_, value) in unpack_search_attributes(state.search_attributes).items()}


def relisted(transition: Transition) -> bool:
    return any(isinstance(effect, Relist) for effect in transition.effects)


def test_a_run_is_found_by_its_version() -> None:
    run = begun(search_attributes=OWN)
    assert relisted(go_on(run, version=PINNED))
    assert attributes(run.state) == {
        "Amount": 7,
        DEPLOYMENT: "shop",
        DEPLOYMENT_VERSION: "shop:v1",
        BEHAVIOR: "Pinned",
    }


def test_only_a_change_is_told_again() -> None:
    run = begun()
    go_on(run, version=PINNED)
    signal(run)
    assert not relisted(go_on(run, version=PINNED))
    signal(run, "signal-2")
    assert relisted(go_on(run, version=VersionStamp("shop", "v2", Behavior.AUTO_UPGRADE)))
    assert attributes(run.state)[DEPLOYMENT_VERSION] == "shop:v2"
    assert attributes(run.state)[BEHAVIOR] == "AutoUpgrade"


def test_a_run_without_a_version_says_nothing() -> None:
    run = begun(search_attributes=OWN)
    assert not relisted(go_on(run))
    assert run.state.search_attributes == OWN


def test_a_run_that_leaves_its_version_is_no_longer_found_by_it() -> None:
    run = begun(search_attributes=OWN)
    go_on(run, version=PINNED)
    signal(run)
    assert relisted(go_on(run))
    assert run.state.search_attributes == OWN


def test_a_worker_that_is_not_versioned_is_named_without_a_behavior() -> None:
    run = begun()
    go_on(run, version=PINNED._replace(behavior=Behavior.UNSPECIFIED))
    assert attributes(run.state) == {DEPLOYMENT: "shop", DEPLOYMENT_VERSION: "shop:v1"}


def test_what_was_inherited_is_told_with_the_first_workflow_task() -> None:
    run = begun(inherited_version=PINNED)
    assert not attributes(run.state)
    assert relisted(go_on(run, version=PINNED))
    assert attributes(run.state)[BEHAVIOR] == "Pinned"


def test_an_override_is_what_counts() -> None:
    run = begun(versioning_override=VersionStamp("shop", "v9", Behavior.PINNED))
    go_on(run, version=VersionStamp("shop", "v1", Behavior.AUTO_UPGRADE))
    assert attributes(run.state) == {DEPLOYMENT: "shop", DEPLOYMENT_VERSION: "shop:v9", BEHAVIOR: "Pinned"}


def test_the_run_that_continues_a_pinned_one_inherits_its_version_and_not_its_place_in_lists() -> None:
    for stamp, inherited in ((PINNED, PINNED), (PINNED._replace(behavior=Behavior.AUTO_UPGRADE), None)):
        run = begun(search_attributes=OWN)
        transition = go_on(run, ContinueAsNewWorkflowExecution(b"input"), version=stamp)
        [close] = [effect for effect in transition.effects if isinstance(effect, Close)]
        assert close.successor is not None
        follower = close.successor.state
        assert follower.started.inherited_version == follower.version == inherited
        assert follower.search_attributes == OWN


def test_nothing_is_left_of_nothing() -> None:
    assert without_version(b"") == b""
