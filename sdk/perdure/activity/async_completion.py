"""Leaving an activity to be completed from outside of its worker."""

from __future__ import annotations

from typing import NoReturn

from perdure.activity.context import in_activity


class CompleteAsync(BaseException):
    """What `raise_complete_async` raises; no `Exception`, so that `except Exception` in an activity lets it pass."""


def raise_complete_async() -> NoReturn:
    """End the activity's function without completing the activity: somebody else does that later, with a client's
    `get_async_activity_handle`, given `activity.info().task_token` or the ids of workflow and activity.

    The attempt goes on without its worker, which may stop. Its start-to-close and heartbeat timeouts hold.
    """
    if not in_activity():
        raise RuntimeError("raise_complete_async() works only inside an activity")
    raise CompleteAsync("the activity is completed from elsewhere; let this pass")
