"""`app.control`: revoking tasks.

What else Celery's workers are told by broadcast is done by engines, for all workers at once; the refusals say how.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from perdure.client import Client, PendingActivityState
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.service import RPCError, RPCStatusCode

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

_CURES = {
    "inspect": "see `perdure task list`, `perdure queue list` and `perdure queue show QUEUE`",
    "purge": "use `perdure queue purge QUEUE`, which asks first",
    "discard_all": "use `perdure queue purge QUEUE`, which asks first",
    "rate_limit": "use `perdure queue set QUEUE --rate N`, which holds across all workers",
    "time_limit": "give time_limit where the task is defined, or to apply_async",
    "ping": "see `perdure queue show QUEUE`, which lists its workers",
    "shutdown": "send SIGTERM to the worker",
    "pool_grow": "start another worker, or another number of --activity-slots",
    "pool_shrink": "stop a worker, or give another number of --activity-slots",
    "pool_restart": "restart the worker: what runs is given time to end (--grace)",
    "autoscale": "scale workers by `perdure queue show QUEUE --json` (depth and age)",
    "add_consumer": "start a worker: `perdure worker MODULE --task-queue QUEUE`",
    "cancel_consumer": "use `perdure queue pause QUEUE`, or stop its worker",
    "enable_events": "use signals, metrics, or `perdure task list`",
    "disable_events": "use signals, metrics, or `perdure task list`",
    "election": "there is nothing to elect",
    "heartbeat": "workers are watched by their leases",
    "broadcast": "there is no broadcast; say what it is for by `perdure queue` or `perdure task`",
    "revoke_by_stamped_headers": "revoke by id; `perdure task list` finds ids",
}


class Control:
    """See the module's docstring."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def revoke(
        self,
        task_id: str | Iterable[str],
        destination: Any = None,
        terminate: bool = False,
        signal: Any = None,
        **_known: Any,
    ) -> None:
        """Do not run these tasks; they are over at once. One that runs goes on, unless `terminate` is given: then its
        code is asked to end (by an exception), and its process is killed if it does not."""
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        for each in ids:
            self._app.cluster.wait(_Revoking(each, terminate))

    def terminate(self, task_id: str | Iterable[str], signal: Any = None, **known: Any) -> None:
        """`revoke` with `terminate`."""
        self.revoke(task_id, terminate=True, signal=signal, **known)

    def __getattr__(self, name: str) -> Any:
        if name in _CURES:
            raise ImproperlyConfigured(f"app.control.{name} is not known to Perdure: {_CURES[name]}")
        raise AttributeError(name)


class _Revoking:
    """One of them. What is over, or unknown, is left as it is."""

    def __init__(self, task_id: str, terminate: bool) -> None:
        self._task_id = task_id
        self._terminate = terminate

    async def __call__(self, client: Client) -> None:
        handle = client.get_activity_handle(self._task_id)
        try:
            if self._terminate or (await handle.describe()).run_state != PendingActivityState.STARTED:
                await handle.terminate(reason="revoked")
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await self._revoke_canvas(client)

    async def _revoke_canvas(self, client: Client) -> None:
        """What runs of it is asked to end, too: the steps of a canvas are not told apart here."""
        handle = client.get_workflow_handle(self._task_id)
        try:
            await (handle.terminate(reason="revoked, terminate=True") if self._terminate else handle.cancel())
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
