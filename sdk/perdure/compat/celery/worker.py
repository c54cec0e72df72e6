"""What `perdure worker MODULE` runs of an application: its tasks, on its queues, in its processes or threads."""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perdure.client import Schedule
from perdure.compat.celery import beat, current, signals
from perdure.compat.celery.cluster import address_of
from perdure.compat.celery.context import HOSTNAME
from perdure.compat.celery.routes import queue_name, queues_of
from perdure.worker.process_pool import ProcessPool, processors

if TYPE_CHECKING:
    from perdure.compat.celery.app import Celery

AT_MOST_ONCE = (
    "tasks without acks_late are begun at most once, as under Celery: one whose worker dies is lost, and fails. To "
    "have it run again say acks_late=True, or app.conf.task_acks_late = True, and let it bear being run twice"
)


class WorkerApplication:
    """See the module's docstring, and `perdure.worker.application` for what each part is for."""

    def __init__(self, app: Celery) -> None:
        self.app = app

    @property
    def address(self) -> str | None:
        return address_of(self.app.conf.broker_url)

    @property
    def name(self) -> str:
        return beat.owner(self.app)

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        self.app.finalize()
        return beat.schedules_of(self.app)

    @property
    def queues(self) -> Sequence[str]:
        """The default queue, those of the setting `task_queues`, of routes and of tasks."""
        conf = self.app.conf
        found = [queue_name(queue) for queue in conf.task_queues or (conf.task_default_queue,)]
        found += queues_of(conf.task_routes)
        found += [queue_name(task.queue) for task in self.app.tasks.values() if task.queue]
        return list(dict.fromkeys(found))

    @property
    def activities(self) -> Sequence[Any]:
        self.app.finalize()
        return [task.task_run for task in self.app.tasks.values()]

    def executor(self, target: str, address: str, namespace: str) -> concurrent.futures.Executor | ProcessPool:
        """Where tasks run. `target` is what `perdure worker` was given, for processes that import it again."""
        app, conf = self.app, self.app.conf
        app.cluster.configure(address, namespace=namespace)
        if not all(task.acks_late for task in app.tasks.values()):
            app.note_once("at most once", AT_MOST_ONCE)
        if conf.result_backend and conf.result_backend != "disabled://":
            app.note_once("backend", "the result backend is not used: results are kept with the tasks, by the engines")
        signals.worker_init.send(sender=HOSTNAME)
        if conf.worker_pool in ("threads", "solo"):
            size = 1 if conf.worker_pool == "solo" else conf.worker_concurrency or processors()
            signals.worker_process_init.send(sender=None)
            return concurrent.futures.ThreadPoolExecutor(size, thread_name_prefix="perdure-celery")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "perdure.worker.process_server"])
        memory_kb = conf.worker_max_memory_per_child
        return ProcessPool(
            conf.worker_concurrency,
            max_tasks_per_child=conf.worker_max_tasks_per_child,
            max_memory_per_child=None if memory_kb is None else memory_kb * 1024,
            mp_context=context,
            initializer=enter_process,
            initargs=(target, address, namespace),
        )

    def ready(self) -> None:
        """It takes tasks from now on."""
        signals.worker_ready.send(sender=HOSTNAME)

    def stopping(self) -> None:
        """It takes no more."""
        signals.worker_shutting_down.send(sender=HOSTNAME, sig="SIGTERM", how="Warm", exitcode=0)

    def stopped(self) -> None:
        """All that it ran has ended."""
        signals.worker_shutdown.send(sender=HOSTNAME)


def enter_process(target: str, address: str, namespace: str) -> None:
    """Make this process one that runs the tasks of the application that `target` has."""
    definitions = importlib.import_module("perdure.cli.definitions")
    app: Celery = definitions.load_definitions(target).application.app
    app.set_current()
    app.cluster.configure(address, namespace=namespace)
    signals.worker_process_init.send(sender=None)


def task_run(name: str) -> Any:
    """What a worker calls for the task of this name, in the application of this process."""
    return current.get_current_app().tasks[name].task_run
