"""What every workflow says of itself when it is asked: its handlers, and how it describes where it stands.

The answer has the form that Temporal's tools read: the JSON of its `WorkflowMetadata`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

METADATA_QUERIES = ("__workflow_metadata", "__temporal_workflow_metadata")
"""The query that is answered so: our name, and Temporal's."""


class Described(Protocol):
    """A handler. `name` None: it takes every name that has none of its own."""

    @property
    def name(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...


def workflow_metadata(
    workflow_type: str,
    *,
    signals: Iterable[Described],
    queries: Iterable[Described],
    updates: Iterable[Described],
    current_details: str,
) -> Mapping[str, Any]:
    """The answer. A dynamic handler, and a workflow that takes any type, have the name ""."""
    definition = {
        "type": workflow_type,
        "queryDefinitions": _rows(queries),
        "signalDefinitions": _rows(signals),
        "updateDefinitions": _rows(updates),
    }
    return {"definition": definition, "currentDetails": current_details}


def _rows(handlers: Iterable[Described]) -> list[dict[str, str]]:
    rows = ({"name": handler.name or "", "description": handler.description or ""} for handler in handlers)
    return sorted(rows, key=lambda row: row["name"])
