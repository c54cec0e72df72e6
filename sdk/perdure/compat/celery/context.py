"""`self.request`: what a task knows of the call that it runs."""

from __future__ import annotations

import os
import socket
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from perdure.compat.celery.message import Message


class Context:
    """See the module's docstring. Attributes that a call does not have are None, as under Celery."""

    logfile = loglevel = None
    group = chord = chain = group_index = None
    reply_to = shadow = stamps = stamped_headers = None
    replaced_task_nesting = 0
    utc = True
    is_eager = is_step = False
    entered = False
    told: Any = None
    retry_asked: Any = None
    called_directly = True
    ignore_result = False
    retries = 0
    id: Any = None
    root_id: Any = None
    parent_id: Any = None
    task: Any = None
    eta: Any = None
    expires: Any = None
    hostname: str | None = None
    args: Any = None
    kwargs: Any = None
    headers: Any = None
    delivery_info: Any = None
    timelimit: Any = None
    callbacks: Any = None
    errbacks: Any = None
    origin: str | None = None

    def __init__(self, **known: Any) -> None:
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> Any:
        """Custom headers of a call are attributes, too; what nobody said is None."""
        if name.startswith("__"):
            raise AttributeError(name)
        headers = self.__dict__.get("headers") or {}
        return headers.get(name)

    def __repr__(self) -> str:
        return f"<Context: {self.__dict__!r}>"

    def get(self, key: str, default: Any = None) -> Any:
        """An attribute by its name."""
        found = getattr(self, key)
        return default if found is None else found

    @property
    def correlation_id(self) -> Any:
        return self.id

    @staticmethod
    def of(message: Message, **known: Any) -> Context:
        """The request of a message."""
        extras = message.extras
        request = Context(
            args=message.args,
            kwargs=message.kwargs,
            called_directly=False,
            root_id=extras.get("root_id") or known.get("id"),
            hostname=HOSTNAME,
            headers=extras.get("headers"),
            eta=_text(extras.get("eta")),
            expires=_text(extras.get("expires")),
            callbacks=extras.get("link"),
            errbacks=extras.get("link_error"),
            origin=extras.get("origin"),
            **known,
        )
        if extras.get("parent_id"):
            request.parent_id = extras["parent_id"]
        if extras.get("ignore_result") is not None:
            request.ignore_result = extras["ignore_result"]
        return request


HOSTNAME = f"perdure@{socket.gethostname()}"
"""Where tasks of this process run."""


def origin() -> str:
    """Who sends."""
    return f"{os.getpid()}@{socket.gethostname()}"


running: ContextVar[tuple[tuple[Any, Context], ...]] = ContextVar("perdure_celery_running", default=())
"""What runs here: tasks and their requests, the innermost last."""


def _text(moment: Any) -> Any:
    return moment.isoformat() if isinstance(moment, datetime) else moment
