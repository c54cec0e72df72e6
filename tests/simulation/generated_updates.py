"""The labels of updates that generated workflows get: what their validators and handlers make of them."""

from __future__ import annotations

REFUSED = "Refused"
"""Type of the failure by which a validator refuses an update."""

UNLUCKY = "Unlucky"
"""Type of the failure of a handler."""


def is_refused(label: str) -> bool:
    return label.endswith("!refused")


def is_unlucky(label: str) -> bool:
    return label.endswith("!unlucky")
