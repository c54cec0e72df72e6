"""Versions of workers: their names, their queues, and that descriptions survive the wire."""

from __future__ import annotations

import pytest

from perdure.protocol.codec import pack, struct_decoder, unpack
from perdure.protocol.deployment import (
    NAME_LENGTH_MAX,
    Behavior,
    DeploymentInfo,
    DeploymentList,
    VersionInfo,
    VersionStamp,
    decode_deployment,
    decode_deployment_list,
    queue_and_version,
    stamp_problem,
    version_problem,
    versioned_queue,
)

SHOP = DeploymentInfo("default", "shop", 3, 1, "v1", "v2", 500, 2, "me", (VersionInfo("v1", 1, ("q",), ("q", "r")),))


def test_a_deployment_survives_the_wire() -> None:
    assert decode_deployment(unpack(pack(SHOP))) == SHOP
    assert decode_deployment_list(unpack(pack(DeploymentList((SHOP,))))) == DeploymentList((SHOP,))


def test_a_version_is_found_by_its_build_id() -> None:
    assert SHOP.version("v1") == SHOP.versions[0]
    assert SHOP.version("v9") is None


def test_a_stamp_survives_the_wire() -> None:
    stamp = VersionStamp("shop", "v1", Behavior.PINNED)
    assert struct_decoder(VersionStamp)(unpack(pack(stamp))) == stamp


def test_the_queue_of_a_version_names_both() -> None:
    assert queue_and_version(versioned_queue("orders", "shop", "1.0")) == ("orders", "shop.1.0")
    assert queue_and_version("orders") == ("orders", "")


@pytest.mark.parametrize(
    ("name", "build_id", "problem"),
    [
        ("shop", "1.0", None),
        ("", "1.0", "the name of the deployment must not be empty"),
        ("shop", "", "the build id must not be empty"),
        ("my.shop", "1.0", "contains a dot"),
        ("shop", "1\x1f0", "a control character"),
        ("shop", "x" * (NAME_LENGTH_MAX + 1), "the limit is 255"),
    ],
)
def test_what_a_version_may_be_called(name: str, build_id: str, problem: str | None) -> None:
    found = version_problem(name, build_id)
    assert found is None if problem is None else problem in (found or "")


def test_what_a_start_may_ask_for() -> None:
    assert stamp_problem(None) is None
    assert stamp_problem(VersionStamp("", "", Behavior.AUTO_UPGRADE)) is None
    assert stamp_problem(VersionStamp("shop", "v1", Behavior.PINNED)) is None
    assert "must not be empty" in (stamp_problem(VersionStamp("", "v1", Behavior.PINNED)) or "")
    assert "allowed are 1 (pinned) and 2" in (stamp_problem(VersionStamp("shop", "v1", 7)) or "")
