"""The application and the task that are meant where none is named."""

from __future__ import annotations

from perdure.compat.celery import Celery, current, current_app, current_task, shared_task


def test_the_last_application_is_meant() -> None:
    first = Celery("first")
    assert current.get_current_app() is first
    assert current_app == first
    Celery("aside", set_as_current=False)
    assert current_app.main == "first"
    second = Celery("second")
    assert current_app == second
    first.set_current()
    assert current_app == first
    assert hash(current_app) == hash(first)
    current_app.conf.task_default_queue = "q"
    assert first.conf.task_default_queue == "q"
    current_app.marked = 3
    assert first.__dict__["marked"] == 3
    assert repr(current_app) == "<Celery first>"


def test_the_task_that_runs() -> None:
    app = Celery("running")
    assert not current_task

    @app.task
    def who() -> tuple[str, str]:
        return current_task.name, current_task.request.id

    assert who.apply(task_id="me").get() == (f"{__name__}.who", "me")
    assert app.current_task is None


def test_shared_tasks_are_of_all() -> None:
    @shared_task(name="shared.odd")
    def odd() -> str:
        return "odd"

    one, two = Celery("one"), Celery("two")
    assert one.tasks["shared.odd"] is two.tasks["shared.odd"] is odd
    assert odd.app is two
    assert odd() == "odd"
    del current.shared_tasks["shared.odd"]
