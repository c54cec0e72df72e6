"""Versions of workers in the events of a history, as Temporal's JSON names them: several keys where ours are one."""

from __future__ import annotations

from typing import Any

from perdure.protocol.deployment import Behavior, VersionStamp

_VERSION, _OVERRIDE, _INHERITED = "version", "versioningOverride", "inheritedVersion"
_BEHAVIOR = "VERSIONING_BEHAVIOR_"


def nest_versions(attributes: dict[str, Any]) -> None:
    """From our stamps to Temporal's keys."""
    stamp = attributes.pop(_VERSION, None)
    if stamp is not None:
        attributes["deploymentVersion"] = _version(stamp)
        attributes["workerDeploymentName"] = stamp.deployment_name
        if stamp.behavior:
            attributes["versioningBehavior"] = _BEHAVIOR + Behavior(stamp.behavior).name
    inherited = attributes.pop(_INHERITED, None)
    if inherited is not None:
        attributes["inheritedPinnedVersion"] = _version(inherited)
    override = attributes.get(_OVERRIDE)
    if override is not None:
        pinned = {"behavior": "PINNED_OVERRIDE_BEHAVIOR_PINNED", "version": _version(override)}
        attributes[_OVERRIDE] = {"pinned": pinned} if override.behavior == Behavior.PINNED else {"autoUpgrade": True}


def flatten_versions(given: dict[str, Any]) -> dict[str, Any]:
    """From Temporal's keys to our stamps."""
    flat = dict(given)
    if given.get("deploymentVersion"):
        word = str(given.get("versioningBehavior") or "UNSPECIFIED").removeprefix(_BEHAVIOR)
        flat[_VERSION] = _stamp(given["deploymentVersion"], Behavior[word])
    if given.get("inheritedPinnedVersion"):
        flat[_INHERITED] = _stamp(given["inheritedPinnedVersion"], Behavior.PINNED)
    override = given.get(_OVERRIDE)
    if override is not None:
        pinned = override.get("pinned")
        is_pinned = isinstance(pinned, dict)
        flat[_OVERRIDE] = (
            _stamp(pinned.get("version") or {}, Behavior.PINNED)
            if is_pinned
            else VersionStamp("", "", Behavior.AUTO_UPGRADE)
        )
    return flat


def _version(stamp: VersionStamp) -> dict[str, str]:
    return {"deploymentName": stamp.deployment_name, "buildId": stamp.build_id}


def _stamp(version: Any, behavior: Behavior) -> VersionStamp:
    return VersionStamp(str(version.get("deploymentName") or ""), str(version.get("buildId") or ""), int(behavior))
