"""Tasks: what `@app.task` makes, what may be called, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from perdure.activity.definition import ActivityDefinition
from perdure.compat.celery import Celery, Task
from perdure.compat.celery.exceptions import ImproperlyConfigured, SecurityError

app = Celery("task_tests")


@app.task
def add(x: int, y: int = 1) -> int:
    """Add."""
    return x + y


@app.task(bind=True, acks_late=True)
def me(self: Any) -> Any:
    return self


class Counting(Task):
    abstract = True
    count = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return super().__call__(*args, **kwargs)


@app.task(base=Counting, bind=True)
def counted(self: Any) -> Any:
    return self.request.id, self.count


def test_it_is_still_a_function() -> None:
    assert (add(2), add(2, y=2), add.run(3)) == (3, 4, 4)
    assert (add.__doc__, add.__name__, add.__module__) == ("Add.", "add", __name__)
    assert (add.name, repr(add)) == (f"{__name__}.add", f"<@task: {__name__}.add>")
    assert me() is me
    assert (me.acks_late, add.acks_late, add.max_retries, add.default_retry_delay) == (True, False, 3, 180)
    assert pickle.loads(pickle.dumps(add)) is add


def test_it_is_an_activity() -> None:
    definition = ActivityDefinition.to_register(add.task_run)
    assert (definition.name, definition.is_async) == (add.name, False)
    assert add.__perdure_activity__.name == add.name


def test_outside_of_a_call_it_has_a_request() -> None:
    assert add.request.called_directly
    assert add.request.id is None


def test_a_class_with_a_call_of_its_own() -> None:
    assert counted() == (None, 1)
    assert counted.apply(task_id="me").get() == ("me", 2)


def test_a_class_of_tasks() -> None:
    class Double(Task):
        name = "task_tests.double"
        ignore_result = True

        def run(self, number: int) -> int:
            return 2 * number

    double = app.register_task(Double())
    assert double.apply((4,)).get() == 8
    assert app.tasks["task_tests.double"] is double
    assert double.ignore_result

    class Empty(Task):
        name = "task_tests.empty"

    with pytest.raises(ImproperlyConfigured, match="has no run"):
        Empty()()


def test_arguments_are_checked_where_it_is_called() -> None:
    with pytest.raises(TypeError, match=r"\.add: missing a required argument"):
        add.delay()
    with pytest.raises(TypeError, match="too many positional"):
        add.apply_async((1, 2, 3))


@pytest.mark.parametrize(
    ("options", "refused", "cure"),
    [
        ({"rate_limit": "10/m"}, ImproperlyConfigured, "perdure queue set QUEUE --rate"),
        ({"serializer": "pickle"}, SecurityError, "pickle runs the code"),
        ({"pydantic": True}, ImproperlyConfigured, "perdure.task"),
    ],
)
def test_options_that_would_be_missed(options: Any, refused: type[Exception], cure: str) -> None:
    with pytest.raises(refused, match=cure):
        app.task(name="task_tests.refused", **options)(lambda: None)


def test_coroutines_are_for_perdures_own_tasks() -> None:
    async def wait() -> None: ...

    with pytest.raises(ImproperlyConfigured, match=r"decorate it with `perdure\.task`"):
        app.task(wait)


def test_a_state_is_told_by_the_task_itself() -> None:
    @app.task(bind=True, name="task_tests.tell")
    def tell(self: Any) -> Any:
        self.update_state(state="HALF", meta=1)
        with pytest.raises(ImproperlyConfigured, match="leave task_id out"):
            self.update_state(task_id="other", state="HALF")
        return self.request.told

    assert tell.apply().get() == {"state": "HALF", "meta": 1}
