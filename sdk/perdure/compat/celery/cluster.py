"""The cluster of an application: asked from anywhere, by a client in a thread of its own, for which the caller waits.

As under Celery, a coroutine that calls `.delay()` holds up its event loop for as long as the answer takes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from perdure.client import Client
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.tasks.background import BackgroundClient

T = TypeVar("T")

Work = Callable[[Client], Awaitable[T]]
"""What is to be done with a client."""

ADDRESS = "PERDURE_ADDRESS"

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


class Clients(Protocol):
    """Who has work done with a client: `BackgroundClient`."""

    @property
    def is_of_this_process(self) -> bool: ...
    def call(self, work: Work[Any]) -> Any: ...
    def close(self) -> None: ...


class Cluster:
    """See the module's docstring. `address` is asked when there is something to ask the cluster for."""

    def __init__(self, address: Callable[[], str | None]) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._clients: Clients | None = None
        self._options: dict[str, Any] = {}

    def configure(self, address: str | None = None, **options: Any) -> None:
        """Ask this cluster from now on, whatever the settings say; further arguments are those of `Client.connect`."""
        self.use(None)
        self._options = {**options, "target_host": address}

    def use(self, clients: Clients | None) -> None:
        """Ask through these; None: by an own connection."""
        with self._lock:
            before, self._clients = self._clients, clients
        if before is not None:
            before.close()

    def wait(self, work: Work[T], timeout_s: float | None = None) -> T:
        """Have something done, and wait for it.

        Raises:
            TimeoutError: not within `timeout_s`; what was begun goes on.
            ImproperlyConfigured: it is not known where the cluster is.
        """
        future = self._client().call(work)
        try:
            result: T = future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise
        return result

    def close(self) -> None:
        """Close the connection; what is asked later makes another one."""
        self.use(None)

    def _client(self) -> Clients:
        with self._lock:
            if self._clients is None or not self._clients.is_of_this_process:
                options = dict(self._options)
                if options.get("target_host") is None:
                    options["target_host"] = self._address()
                self._clients = BackgroundClient(lambda: Client.connect(**options))
            return self._clients


def address_of(broker_url: Any) -> str | None:
    """The cluster's address by a broker URL; None: that of PERDURE_ADDRESS, or of `perdure dev`.

    Raises:
        ImproperlyConfigured: the URL is none of Redis, and PERDURE_ADDRESS names no other one.
    """
    if isinstance(broker_url, list | tuple):
        broker_url = broker_url[0] if broker_url else None
    if not broker_url:
        return None
    scheme, found, rest = str(broker_url).partition("://")
    if scheme in _SCHEMES:
        return rest if scheme == "redis" and rest == "" else str(broker_url)
    if os.environ.get(ADDRESS):
        return None
    named = f"{scheme}://..." if found else "no URL"
    raise ImproperlyConfigured(
        f"the broker is {named}; give the address of the Redis or Valkey that the engines use, such as "
        f"redis://127.0.0.1:7419 or redis+sentinel://host:26379/service/0, or set {ADDRESS}"
    )
