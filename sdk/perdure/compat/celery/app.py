"""`Celery`: an application: its settings, its tasks, and the cluster that it sends them to."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from perdure.compat.celery import beat, current
from perdure.compat.celery.cluster import Cluster, address_of
from perdure.compat.celery.conf import Settings
from perdure.compat.celery.control import Control
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.modules import imported, names, packages_of, related
from perdure.compat.celery.publishing import Publishing
from perdure.compat.celery.registry import TaskRegistry
from perdure.compat.celery.result import AsyncResult
from perdure.compat.celery.signals import Signal, import_modules
from perdure.compat.celery.signature import Signature, signature
from perdure.compat.celery.task import Task as TaskBase
from perdure.compat.celery.worker import WorkerApplication

logger = logging.getLogger("perdure.compat.celery")

_CURES = {
    **dict.fromkeys(
        ("start", "worker_main", "Worker", "WorkController"),
        "run the worker by `perdure worker MODULE`",
    ),
    **dict.fromkeys(
        ("connection", "connection_for_write", "connection_or_acquire", "broker_connection", "producer_pool", "pool"),
        "there are no connections to hold; tasks are sent by delay() and apply_async()",
    ),
    "Beat": "engines carry schedules out; there is no beat process",
    "amqp": "there are task queues, and no exchanges: see `perdure queue`",
    "backend": "results are kept with the tasks: see AsyncResult, and the setting result_expires",
    "events": "use signals, metrics, or `perdure task list`",
    "steps": "there are no boot steps; use the signals worker_ready and worker_shutdown",
    "log": "use the standard library's logging",
    "loader": "give modules by include=, imports, or autodiscover_tasks()",
}


class Celery:
    """An application.

    Args:
        main: What tasks are named after that are defined in the program itself (`__main__`).
        broker: The address of the cluster (`redis://...`); by default PERDURE_ADDRESS, else that of `perdure dev`.
        backend: Without effect: results are kept with the tasks.
        include: Modules that define tasks; workers import them.
        config_source: As `config_from_object` takes it.
        set_as_current: Whether it is meant where no application is named.
        task_cls: What its tasks are made of.
        settings: Further settings.
    """

    def __init__(
        self,
        main: str | None = None,
        loader: Any = None,
        backend: Any = None,
        amqp: Any = None,
        events: Any = None,
        log: Any = None,
        control: Any = None,
        set_as_current: bool = True,
        tasks: Any = None,
        broker: Any = None,
        include: Sequence[str] | None = None,
        changes: Mapping[str, Any] | None = None,
        config_source: Any = None,
        fixups: Any = None,
        task_cls: type[TaskBase] | None = None,
        autofinalize: bool = True,
        namespace: str | None = None,
        strict_typing: bool = True,
        **settings: Any,
    ) -> None:
        self.main = main
        self.conf = Settings()
        self.tasks = TaskRegistry()
        self.control = Control(self)
        self.cluster = Cluster(lambda: address_of(self.conf.broker_url))
        self.on_configure = Signal("app.on_configure")
        self.on_after_configure = Signal("app.on_after_configure")
        self.on_after_finalize = Signal("app.on_after_finalize")
        self.on_after_fork = Signal("app.on_after_fork", "use worker_process_init")
        self.finalized = False
        self.strict_typing = strict_typing
        self._discovered: list[Callable[[], Iterable[str]]] = []
        self._noted: set[str] = set()
        self.Task: Any = type(
            "Task", (task_cls or TaskBase,), {"abstract": True, "_app": self, "__module__": TaskBase.__module__}
        )
        if config_source is not None:
            self.config_from_object(config_source, namespace=namespace)
        for given in (changes or {}, settings, {"broker_url": broker, "result_backend": backend, "include": include}):
            self.conf.update({key: value for key, value in given.items() if value is not None})
        current.note_app(self, is_current=set_as_current)

    def __repr__(self) -> str:
        return f"<Celery {self.main or '__main__'}>"

    # Settings --------------------------------------------------------------------------------------------------------
    def config_from_object(
        self, obj: Any, silent: bool = False, force: bool = False, namespace: str | None = None
    ) -> None:
        """Take the settings of an object, or of what is called so: `module`, `module:name` or `module.name`."""
        self.conf.take(imported(obj) if isinstance(obj, str) else obj, namespace)

    def config_from_envvar(self, variable_name: str, silent: bool = False, force: bool = False) -> None:
        """The same, by the name in a variable of the environment."""
        name = os.environ.get(variable_name)
        if name:
            self.config_from_object(name)
        elif not silent:
            raise ImproperlyConfigured(f"the variable {variable_name} is not set; let it name a module of settings")

    def add_defaults(self, fun: Any) -> None:
        """Settings that hold unless others were made."""
        for key, value in (fun() if callable(fun) else fun).items():
            if not self.conf.is_set(key):
                self.conf[key] = value

    def now(self) -> Any:
        """The time, in the application's zone."""
        from datetime import datetime

        return datetime.now(self.conf.tz)

    @property
    def timezone(self) -> Any:
        return self.conf.tz

    # Tasks -----------------------------------------------------------------------------------------------------------
    def task(self, *args: Any, **options: Any) -> Any:
        """Make a function a task: `@app.task`, or `@app.task(bind=True, ...)`.

        Args:
            name: How workers know it; by default its module and its name.
            bind: Its first argument is the task itself.
            base: A class of tasks.
            options: Attributes of `Task`.

        Raises:
            ImproperlyConfigured: an option would be missed.
        """
        if len(args) == 1 and callable(args[0]):
            return self._task_from(args[0], **options)
        if args:
            raise TypeError(f"@app.task takes options by name; {args!r} was given")
        return lambda function: self._task_from(function, **options)

    def _task_from(
        self,
        function: Any,
        name: str | None = None,
        base: type[TaskBase] | None = None,
        bind: bool = False,
        **options: Any,
    ) -> Any:
        task = task_from(function, base or self.Task, self.gen_task_name, name, bind, options)
        if task.name in self.tasks._own:
            return self.tasks[task.name]
        task.bind(self)
        self._annotate(task)
        self.tasks.register(task)
        return task

    def register_task(self, task: TaskBase, **_options: Any) -> TaskBase:
        """Have an object of a class of tasks run by workers."""
        if not task.name:
            task.name = self.gen_task_name(type(task).__name__, type(task).__module__)
        task.bind(self)
        self._annotate(task)
        self.tasks.register(task)
        return task

    def _annotate(self, task: TaskBase) -> None:
        found = self.conf.task_annotations
        if isinstance(found, Mapping):
            for key in ("*", task.name):
                for name, value in found.get(key, {}).items():
                    setattr(task, name, value)
        elif found:
            raise ImproperlyConfigured(f"task_annotations is {found!r}; give a mapping of names to options")

    def gen_task_name(self, name: str, module: str) -> str:
        """How a task is known that was given no name."""
        return f"{self.main or module if module == '__main__' else module}.{name}"

    def finalize(self, auto: bool = False) -> None:
        """Import all modules that define tasks, and tell receivers that the application is complete. Once."""
        if self.finalized:
            return
        self.finalized = True
        self.on_configure.send(sender=self)
        import_modules.send(sender=self)
        for name in dict.fromkeys((*names(self.conf.include), *names(self.conf.imports))):
            importlib.import_module(name)
        for found in self._discovered:
            for name in found():
                importlib.import_module(name)
        self.on_after_configure.send(sender=self, source=self.conf)
        self.on_after_finalize.send(sender=self)

    def autodiscover_tasks(
        self,
        packages: Sequence[str] | Callable[[], Sequence[str]] | None = None,
        related_name: str | None = "tasks",
        force: bool = False,
    ) -> None:
        """Have workers import `related_name` of these packages, as far as they have it; by default of those of Django's
        applications."""
        self._discovered.append(lambda: related(packages_of(packages), related_name))
        if force:
            for name in self._discovered.pop()():
                importlib.import_module(name)

    # Calling ---------------------------------------------------------------------------------------------------------
    def send_task(
        self,
        name: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        countdown: float | None = None,
        eta: Any = None,
        task_id: str | None = None,
        **options: Any,
    ) -> AsyncResult:
        """Enqueue a task by its name; its code need not be here.

        Raises:
            ImproperlyConfigured: an option would be missed.
            RPCError: no engine confirmed it in time.
        """
        options.update(countdown=countdown, eta=eta, task_id=task_id)
        sent = Publishing(self, name, tuple(args or ()), dict(kwargs or {}), options)
        sent.send()
        return self.AsyncResult(sent.task_id, task_name=name)

    def send_link(
        self, link: Mapping[str, Any], args: Sequence[Any], kwargs: dict[str, Any], options: Mapping[str, Any]
    ) -> None:
        """Enqueue what a task was linked to."""
        call = signature(link, app=self)
        if call.kind is not None:
            call.apply_async(args, task_id=options["task_id"])
        elif call.task in self.tasks:
            call.type.apply_async(args, kwargs, **options)
        else:
            self.send_task(call.task, args, kwargs, **options)

    def signature(self, task: Any, *args: Any, **options: Any) -> Signature:
        """A call of a task of this application that is not made yet."""
        return signature(task, *args, **{**options, "app": self})

    subtask = signature

    def add_periodic_task(
        self,
        schedule: Any,
        sig: Mapping[str, Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        **options: Any,
    ) -> str:
        """Have a task run again and again: one more entry of the setting `beat_schedule`. Returns its name."""
        return beat.add_periodic_task(self, schedule, sig, args, kwargs or {}, name, options)

    def AsyncResult(self, id: str, **known: Any) -> AsyncResult:
        """What becomes of a task."""
        return AsyncResult(id, **{**known, "app": self})

    # The rest --------------------------------------------------------------------------------------------------------
    @property
    def current_task(self) -> TaskBase | None:
        """The task that runs here."""
        return current.get_current_task()

    @cached_property
    def __perdure_application__(self) -> WorkerApplication:
        """What `perdure worker` runs."""
        return WorkerApplication(self)

    def set_current(self) -> None:
        """Let it be meant where no application is named."""
        current.set_current_app(self)

    set_default = set_current

    def close(self) -> None:
        """Close its connection; what is asked later makes another one."""
        self.cluster.close()

    def __enter__(self) -> Celery:
        return self

    def __exit__(self, *_raised: Any) -> None:
        self.close()

    def note_once(self, about: str, text: str) -> None:
        """Say something in the log, once an application."""
        if about not in self._noted:
            self._noted.add(about)
            logger.warning("%r: %s", self, text)

    def __getattr__(self, name: str) -> Any:
        if name in _CURES:
            raise ImproperlyConfigured(f"app.{name} is not known to Perdure: {_CURES[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def shared_task(*args: Any, **options: Any) -> Any:
    """`@app.task`, for all applications: for modules that have none at hand."""
    if len(args) == 1 and callable(args[0]):
        return _shared(args[0], **options)
    if args:
        raise TypeError(f"@shared_task takes options by name; {args!r} was given")
    return lambda function: _shared(function, **options)


def _shared(
    function: Any, name: str | None = None, base: type[TaskBase] | None = None, bind: bool = False, **options: Any
) -> Any:
    def named(function_name: str, module: str) -> str:
        return current.get_current_app().gen_task_name(function_name, module)

    task = task_from(function, base or TaskBase, named, name, bind, options)
    task.bind(None)
    return current.shared_tasks.setdefault(task.name, task)


def task_from(
    function: Any,
    base: type[TaskBase],
    namer: Callable[[str, str], str],
    name: str | None,
    bind: bool,
    options: Mapping[str, Any],
) -> TaskBase:
    """A task that is this function."""
    given = {
        **options,
        "name": name or namer(function.__name__, function.__module__),
        "abstract": False,
        "run": function if bind else staticmethod(function),
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__wrapped__": function,
    }
    made: TaskBase = type(function.__name__, (base,), given)()
    return made
