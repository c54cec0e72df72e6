"""The labels of updates that generated workflows get: what their validators and handlers make of them."""

from __future__ import annotations

REFUSED = "Refused"
"""Type of the failure by which a validator refuses an update."""

UNLUCKY = "Unlucky"
"""Type of the failure of a handler."""


def is_refused(label: str) -> bool:
    return label.endswith("!refused")


def is_fickle(label: str) -> bool:
    """Its validator refuses it when it looks at it again, as after a reset, or when nothing came of the first time."""
    return label.endswith("!fickle")


def is_unlucky(label: str) -> bool:
    return label.endswith("!unlucky")
