"""What people wrote beside an event, as Temporal's JSON keeps it: summary and details in `userMetadata`."""

from __future__ import annotations

import base64
import json
from typing import Any

_KEYS = {"summary": "summary", "static_details": "details"}
"""Our fields, and their keys there. Each is a payload with a text."""


def notes_to_json(attributes: Any) -> dict[str, Any]:
    """The value of "userMetadata"; empty if there is nothing to say."""
    found = {}
    for name, key in _KEYS.items():
        text = getattr(attributes, name, "")
        if text:
            encoding = base64.b64encode(b"json/plain").decode()
            found[key] = {
                "metadata": {"encoding": encoding},
                "data": base64.b64encode(json.dumps(text).encode()).decode(),
            }
    return found


def notes_from_json(row: Any, fields: tuple[str, ...]) -> dict[str, str]:
    """The notes that a message with these fields can take. What is no text (it may be encrypted) is left out."""
    notes = {}
    for name, key in _KEYS.items():
        payload = row.get(key) if name in fields else None
        if payload is None:
            continue
        try:
            text = json.loads(base64.b64decode(payload.get("data") or ""))
        except ValueError:
            continue
        if isinstance(text, str):
            notes[name] = text
    return notes
