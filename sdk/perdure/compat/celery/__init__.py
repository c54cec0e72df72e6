"""Celery's applications, by a change of their import lines.

    from perdure.compat.celery import Celery              # in place of `from celery import Celery`

    app = Celery("shop", broker="redis://127.0.0.1:7419")

    @app.task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=True)
    def charge(self, order_id): ...

    charge.delay(17).get(timeout=10)

`perdure worker MODULE` runs the tasks of the application that the module has. The modules below have the names that
programs import from: `exceptions`, `signals`, `result`, `states`, `utils.log`. What an option, a setting or a call asks
for is done, or refused with what to do instead; nothing is left out in silence.
"""

from perdure.compat.celery.app import Celery, shared_task
from perdure.compat.celery.canvas import (
    Signature,
    chain,
    chord,
    chunks,
    group,
    maybe_signature,
    signature,
    subtask,
    xmap,
    xstarmap,
)
from perdure.compat.celery.current import current_app, current_task
from perdure.compat.celery.group_result import GroupResult
from perdure.compat.celery.result import AsyncResult
from perdure.compat.celery.task import Task

__all__ = [
    "AsyncResult",
    "Celery",
    "GroupResult",
    "Signature",
    "Task",
    "chain",
    "chord",
    "chunks",
    "current_app",
    "current_task",
    "group",
    "maybe_signature",
    "shared_task",
    "signature",
    "subtask",
    "xmap",
    "xstarmap",
]
