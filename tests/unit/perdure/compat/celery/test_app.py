"""Applications: settings, tasks, modules, and what is not here."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.compat.celery import Celery, Task
from perdure.compat.celery.exceptions import ImproperlyConfigured, NotRegistered


def make(**settings: Any) -> Celery:
    return Celery("app_tests", set_as_current=False, **settings)


def test_settings_come_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings_of_a_test.py").write_text(
        "import os\ntask_acks_late = True\nclass Config:\n    timezone = 'UTC'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app = make(broker="redis://h:1", include=["json"], task_default_queue="q", config_source={"worker_concurrency": 2})
    assert (app.conf.broker_url, app.conf.include, app.conf.task_default_queue) == ("redis://h:1", ["json"], "q")
    assert app.conf.worker_concurrency == 2
    app.config_from_object("settings_of_a_test")
    app.config_from_object("settings_of_a_test:Config")
    app.config_from_object("settings_of_a_test.Config")
    assert (app.conf.task_acks_late, app.conf.timezone) == (True, "UTC")
    app.config_from_object(SimpleNamespace(CELERY_TASK_TRACK_STARTED=True), namespace="CELERY")
    app.add_defaults(lambda: {"task_track_started": False, "task_ignore_result": True})
    assert (app.conf.task_track_started, app.conf.task_ignore_result) == (True, True)
    monkeypatch.setenv("ODD_CONFIG", "settings_of_a_test")
    app.config_from_envvar("ODD_CONFIG")
    with pytest.raises(ImproperlyConfigured, match="let it name a module"):
        app.config_from_envvar("NO_SUCH_VARIABLE")
    app.config_from_envvar("NO_SUCH_VARIABLE", silent=True)
    assert app.now().tzinfo is app.timezone


def test_names_of_tasks() -> None:
    app = make()
    assert app.gen_task_name("add", "shop.tasks") == "shop.tasks.add"
    assert app.gen_task_name("add", "__main__") == "app_tests.add"

    @app.task()
    def one() -> None: ...

    @app.task(name="two")
    def other() -> None: ...

    assert set(app.tasks) >= {f"{__name__}.one", "two"}
    assert app.task(one.run, name="two") is other, "the first of a name counts"
    with pytest.raises(NotRegistered):
        app.tasks["three"]
    app.tasks.unregister(other)
    assert "two" not in app.tasks
    with pytest.raises(TypeError, match="options by name"):
        app.task("two")


def test_annotations_change_tasks() -> None:
    app = make(task_annotations={"*": {"max_retries": 7}, "noted": {"acks_late": True}})
    noted = app.task(name="noted")(lambda: None)
    assert (noted.max_retries, noted.acks_late) == (7, True)
    with pytest.raises(ImproperlyConfigured, match="give a mapping"):
        make(task_annotations=[object()]).task(lambda: None)


def test_a_class_for_all_its_tasks() -> None:
    class Mine(Task):
        abstract = True
        marked = True

    app = make(task_cls=Mine)
    assert app.task(lambda: None).marked
    assert issubclass(app.Task, Mine)


def test_workers_import_what_defines_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("first_of_a_test", "second_of_a_test"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "first_of_a_test" / "tasks.py").touch()
    (tmp_path / "included_of_a_test.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    app, told = make(include="included_of_a_test"), []
    app.on_after_configure.connect(lambda sender, **_known: told.append(sender))
    app.autodiscover_tasks(["first_of_a_test", "second_of_a_test"])
    assert "first_of_a_test.tasks" not in sys.modules
    app.finalize()
    app.finalize()
    assert {"first_of_a_test.tasks", "included_of_a_test"} <= set(sys.modules)
    assert told == [app]
    app.autodiscover_tasks(lambda: ["first_of_a_test"], force=True)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with pytest.raises(ImproperlyConfigured, match="without packages is for Django"):
        app.autodiscover_tasks(force=True)


def test_what_is_not_here_says_what_is() -> None:
    app = make()
    with pytest.raises(ImproperlyConfigured, match="perdure worker MODULE"):
        app.worker_main()
    with pytest.raises(ImproperlyConfigured, match="no exchanges"):
        app.amqp  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'odd'"):
        app.odd  # noqa: B018
    with make() as again:
        assert repr(again) == "<Celery app_tests>"


def test_a_word_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    app = make()
    app.note_once("x", "something")
    app.note_once("x", "something")
    assert caplog.text.count("something") == 1
