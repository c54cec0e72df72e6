"""Where Celery's programs import `uuid` and, from `utils.log`, `get_task_logger` from."""

from __future__ import annotations

import uuid as _uuid


def uuid() -> str:
    """A new id of a task."""
    return str(_uuid.uuid4())
