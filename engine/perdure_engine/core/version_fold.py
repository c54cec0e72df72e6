"""What the version of its workers means for mutable state.

Rule: lists find runs by their version, so it stands among the search attributes, under Temporal's names. A run that
follows another one begins without: its own first workflow task says where it is.
"""

from __future__ import annotations

from perdure.protocol.deployment import Behavior, VersionStamp
from perdure.protocol.search_attributes import (
    SearchAttributeMap,
    SearchAttributeType,
    merged_search_attributes,
    pack_search_attributes as pack,
)
from perdure_engine.core.state import MutableState

DEPLOYMENT = "TemporalWorkerDeployment"
DEPLOYMENT_VERSION = "TemporalWorkerDeploymentVersion"
BEHAVIOR = "TemporalWorkflowVersioningBehavior"

BEHAVIOR_WORDS = {Behavior.PINNED: "Pinned", Behavior.AUTO_UPGRADE: "AutoUpgrade"}
"""As Temporal's lists write them."""

_NONE = pack({name: (int(SearchAttributeType.KEYWORD), None) for name in (DEPLOYMENT, DEPLOYMENT_VERSION, BEHAVIOR)})


def note_version(state: MutableState, stamp: VersionStamp | None) -> None:
    """A worker of this version completed a workflow task. Called before that is counted."""
    if stamp == state.version and (stamp is None or state.last_completed_event_id):
        return
    state.version = stamp
    state.search_attributes = merged_search_attributes(state.search_attributes, _attributes(state, stamp))


def _attributes(state: MutableState, stamp: VersionStamp | None) -> bytes:
    if stamp is None:
        return _NONE
    override = state.started.versioning_override
    where = override if override is not None and override.behavior == Behavior.PINNED else stamp
    keyword = int(SearchAttributeType.KEYWORD)
    attributes: SearchAttributeMap = {
        DEPLOYMENT: (keyword, where.deployment_name),
        DEPLOYMENT_VERSION: (keyword, f"{where.deployment_name}:{where.build_id}"),
        BEHAVIOR: (keyword, BEHAVIOR_WORDS.get(Behavior((override or stamp).behavior))),
    }
    return pack(attributes)


def without_version(search_attributes: bytes) -> bytes:
    """Search attributes for the run that follows."""
    return merged_search_attributes(search_attributes, _NONE) if search_attributes else search_attributes
