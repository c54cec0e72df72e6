"""Applications: objects of a module that bring tasks of their own kind, and say where and how these run.

Role: what `perdure worker` asks of one, such as those of `perdure.compat.celery`; it knows none of them by name.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import click
from click.core import ParameterSource

from perdure.client import Schedule
from perdure.exceptions import RequestError
from perdure.worker import ProcessPool

ATTRIBUTE = "__perdure_application__"
"""Where an object keeps its `Application`."""


class Application(Protocol):
    """What is asked, in this order."""

    @property
    def activities(self) -> Sequence[Any]:
        """Its tasks; modules that define some are imported first."""

    @property
    def queues(self) -> Sequence[str]:
        """The task queues to poll, unless the command says which."""

    @property
    def name(self) -> str:
        """Whose schedules are its own."""

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        """What is to be done again and again, by the ids of the schedules. They are kept so: see
        `perdure.client.owned_schedules`."""

    @property
    def address(self) -> str | None:
        """The cluster's address, unless the command says it; None: as always."""

    def executor(self, target: str, address: str, namespace: str) -> concurrent.futures.Executor | ProcessPool:
        """Where its `def` tasks run; of a pool of processes each task queue has its own.

        Args:
            target: What the command was given as MODULE, for processes that import it again.
            address, namespace: Where the worker is connected to.
        """

    def ready(self) -> None:
        """It runs from now on. In a thread, as the next two."""

    def stopping(self) -> None:
        """It takes no more tasks."""

    def stopped(self) -> None:
        """All that it ran has ended."""


class SeveralApplications(RequestError):
    """A module has more than one, and the command cannot know which is meant."""


def application_among(name: str, members: Iterable[tuple[str, Any]]) -> Application | None:
    """The application that a module names, if there is one.

    Raises:
        SeveralApplications: there are several.
    """
    found: dict[int, tuple[str, Application]] = {}
    for key, member in members:
        application = vars(type(member)).get(ATTRIBUTE) and getattr(member, ATTRIBUTE)
        if application:
            found.setdefault(id(application), (key, application))
    if len(found) > 1:
        names = [key for key, _application in found.values()]
        raise SeveralApplications(f"{name} has several applications: {', '.join(names)}; say which: {name}:{names[0]}")
    return next((application for _key, application in found.values()), None)


def chosen_address(application: Application | None, address: str) -> str:
    """The address of the command line, of the application, or of the environment, in this order."""
    if application is None:
        return address
    source = click.get_current_context().get_parameter_source("address")
    return address if source is ParameterSource.COMMANDLINE else application.address or address


def chosen_queues(application: Application | None, task_queue: str | None, of_module: str) -> list[str]:
    """The task queues to poll. For an application the option may name several, with commas between them."""
    if application is None:
        queue = task_queue or of_module
        return [queue] if queue else []
    named = [queue.strip() for queue in (task_queue or "").split(",")]
    return [queue for queue in named if queue] or list(application.queues)
