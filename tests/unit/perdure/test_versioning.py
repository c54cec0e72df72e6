"""Versions as users write them."""

from __future__ import annotations

import pytest

from perdure.common import (
    AutoUpgradeVersioningOverride,
    PinnedVersioningOverride,
    VersioningBehavior,
    WorkerDeploymentVersion,
)
from perdure.protocol.deployment import VersionStamp
from perdure.versioning import WorkerDeploymentConfig, version_of

V1 = WorkerDeploymentVersion("shop", "1.0")


def test_the_canonical_string_has_the_deployment_before_the_first_dot() -> None:
    assert V1.to_canonical_string() == "shop.1.0"
    assert WorkerDeploymentVersion.from_canonical_string("shop.1.0") == V1
    for text in ("shop", ".1.0", "shop."):
        with pytest.raises(ValueError, match=r"is no version|must not be empty"):
            WorkerDeploymentVersion.from_canonical_string(text)


def test_a_version_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="contains a dot"):
        WorkerDeploymentVersion("my.shop", "1.0")


def test_overrides_as_they_travel() -> None:
    assert PinnedVersioningOverride(V1).to_stamp() == ("shop", "1.0", 1)
    assert AutoUpgradeVersioningOverride().to_stamp() == ("", "", 2)


def test_a_worker_says_the_behavior_of_the_workflow_or_its_default() -> None:
    config = WorkerDeploymentConfig(V1, True, VersioningBehavior.PINNED)
    assert config.stamp(VersioningBehavior.UNSPECIFIED) == ("shop", "1.0", VersioningBehavior.PINNED)
    assert config.stamp(VersioningBehavior.AUTO_UPGRADE) == ("shop", "1.0", VersioningBehavior.AUTO_UPGRADE)


def test_a_worker_that_is_not_versioned_only_says_what_it_is() -> None:
    config = WorkerDeploymentConfig(V1, False, VersioningBehavior.PINNED)
    assert config.stamp(VersioningBehavior.PINNED) == ("shop", "1.0", VersioningBehavior.UNSPECIFIED)


def test_what_a_worker_said_is_read_back() -> None:
    assert version_of(VersionStamp("shop", "1.0", 1)) == V1
    assert version_of(None) is None
