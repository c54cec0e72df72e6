"""Revoking, and the refusals."""

from __future__ import annotations

import pytest

from perdure.compat.celery import Celery
from perdure.compat.celery.exceptions import ImproperlyConfigured, TaskRevokedError
from tests.unit.perdure.compat.celery.stage import cluster_for, off

app = Celery("control", set_as_current=False)


async def test_what_waits_is_not_run() -> None:
    async with cluster_for(app):
        first = await off(app.send_task, "control.far")
        second = await off(app.send_task, "control.far", countdown=3_600)
        third = await off(app.send_task, "control.far")
        await off(app.control.revoke, [first.id, second.id, "nobody"])
        await off(third.revoke, terminate=True)
        await off(third.revoke)
        for result in (first, second, third):
            assert await off(lambda each: each.state, result) == "REVOKED"
            with pytest.raises(TaskRevokedError):
                await off(result.get)


def test_what_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="perdure task list"):
        app.control.inspect()
    with pytest.raises(ImproperlyConfigured, match="perdure queue set QUEUE --rate"):
        app.control.rate_limit("control.far", "10/m")
    with pytest.raises(AttributeError):
        app.control.odd  # noqa: B018
