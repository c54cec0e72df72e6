"""What a module defines for a worker: found by importing it and looking at its names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from perdure.activity.definition import ActivityDefinition
from perdure.cli.application import Application, application_among
from perdure.converter import DataConverter
from perdure.exceptions import RequestError
from perdure.tasks import Task
from perdure.workflow.definition import WorkflowDefinition

CONVERTER_NAME = "data_converter"
"""What a module calls its data converter, unless the option says otherwise."""

QUEUE_NAME = "TASK_QUEUE"
"""A module may name its task queue by a constant of this name."""


class Definitions(NamedTuple):
    """Workflows, and activities (tasks among them), in the order of their names; `task_queue` is that which the module
    names, else that of all of its tasks, else empty. An application brings activities beside those."""

    workflows: list[Any]
    activities: list[Any]
    task_queue: str
    application: Application | None = None


class NothingDefined(RequestError):
    """The module cannot be imported, or there is nothing in it for a worker."""


def load_definitions(target: str) -> Definitions:
    """Import `pkg.mod`, `path/file.py`, or either with `:attribute` (a list of workflows and activities).

    Without an attribute, everything counts that the module names, whether it defines or imports it.

    Raises:
        NothingDefined: says why.
        Exception: whatever the module raises when it is imported.
    """
    name, _, attribute = target.partition(":")
    module = import_module(name)
    if attribute:
        if not hasattr(module, attribute):
            raise NothingDefined(f"the module {name} has no {attribute!r}; it names {_names(module)}")
        given = getattr(module, attribute)
        several = given if isinstance(given, list | tuple) else [given]
        members = [(attribute, member) for member in several]
    else:
        members = [(key, value) for key, value in sorted(vars(module).items()) if not key.startswith("__")]
    application = application_among(name, members)
    found = _sort(member for _key, member in members)._replace(application=application)
    if application is not None:
        brought = application.activities
        names = {ActivityDefinition.to_register(each).name for each in brought}
        own = [each for each in found.activities if ActivityDefinition.to_register(each).name not in names]
        found = found._replace(activities=[*own, *brought])
    if not found.workflows and not found.activities:
        where = f"{name}:{attribute}" if attribute else f"the module {name}"
        raise NothingDefined(
            f"{where} has neither a class or function with @workflow.defn nor a function with @activity.defn or @task, "
            "nor an application with tasks; "
            f"it names {_names(module)}"
        )
    queue = getattr(module, QUEUE_NAME, "")
    if not isinstance(queue, str) or not queue:
        queue = _queue_of_tasks(found.activities)
    return found._replace(task_queue=queue)


def _queue_of_tasks(activities: Iterable[Any]) -> str:
    """The task queue that all tasks among them say; empty without one."""
    queues = {activity.options.queue for activity in activities if isinstance(activity, Task)}
    return queues.pop() if len(queues) == 1 else ""


def import_module(name: str) -> ModuleType:
    """Import by name (the working directory counts) or by path.

    Raises:
        NothingDefined: no such module or file.
    """
    working_directory = str(Path.cwd())
    if working_directory not in sys.path:
        sys.path.insert(0, working_directory)
    if name.endswith(".py") or "/" in name:
        return _import_file(Path(name))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise NothingDefined(
                f"there is no module {error.name!r}; looked in the working directory ({working_directory}) and in what "
                "is installed. Give a module such as pkg.workflows, or a file such as workflows.py"
            ) from None
        raise NothingDefined(f"the module {name} needs {error.name!r}, which is not installed") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise NothingDefined(f"there is no file {path}; give a file such as workflows.py, or a module such as pkg.mod")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise NothingDefined(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # type hints and pickling look modules up there
    spec.loader.exec_module(module)
    return module


def load_data_converter(target: str) -> DataConverter:
    """The converter that `pkg.mod`, `path/file.py`, or either with `:name`, defines.

    Raises:
        NothingDefined: there is none.
        Exception: whatever the module raises when it is imported.
    """
    name, _, attribute = target.partition(":")
    module = import_module(name)
    found = getattr(module, attribute or CONVERTER_NAME, None)
    if not isinstance(found, DataConverter):
        raise NothingDefined(
            f"the module {name} has no DataConverter of the name {attribute or CONVERTER_NAME!r}; "
            f"it names {_names(module)}"
        )
    return found


def _sort(members: Iterable[Any]) -> Definitions:
    workflows: dict[int, Any] = {}
    activities: dict[int, Any] = {}
    for member in members:
        if WorkflowDefinition.of(member) is not None:
            workflows[id(member)] = member
        elif ActivityDefinition.of(member) is not None and not isinstance(member, type):
            activities[id(member)] = member
    return Definitions(list(workflows.values()), list(activities.values()), "")


def _names(module: ModuleType) -> str:
    names = sorted(key for key in vars(module) if not key.startswith("_"))
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") if names else "nothing"
