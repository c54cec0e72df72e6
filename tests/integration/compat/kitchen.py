"""A Celery application, as its own guides show them: what workers run in the tests of this folder."""

from __future__ import annotations

from pathlib import Path

from perdure.compat.celery import Celery

app = Celery("kitchen")


@app.task(name="kitchen.add")
def add(x: int, y: int = 0) -> int:
    return x + y


@app.task(name="kitchen.mul")
def mul(x: int, y: int) -> int:
    return x * y


@app.task(name="kitchen.xsum", ignore_result=True)
def xsum(numbers: list[int]) -> int:
    return sum(numbers)


@app.task(name="kitchen.fail")
def fail(*args: object) -> None:
    raise ValueError("burnt", len(args))


@app.task(name="kitchen.note")
def note(what: object, path: str) -> object:
    with Path(path).open("a") as file:
        file.write(f"{what}\n")
    return what


@app.task(name="kitchen.on_error")
def on_error(request: object, error: BaseException, traceback: object, path: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{type(error).__name__} {error.args}\n")
