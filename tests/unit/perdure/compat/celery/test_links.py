"""Callbacks: enqueued under ids that follow from the task's, or called here."""

from __future__ import annotations

from typing import Any

from perdure.compat.celery import Celery, links
from perdure.compat.celery.context import Context

LINK = {"task": "links.next", "args": [1], "kwargs": {"a": 2}, "options": {"queue": "q", "priority": None}}


class Recording(Celery):
    def __init__(self) -> None:
        super().__init__("links", set_as_current=False)
        self.sent: list[Any] = []

    def send_link(self, link: Any, args: Any, kwargs: Any, options: Any) -> None:
        self.sent.append((link["task"], args, kwargs, options))


def test_success() -> None:
    app, request = Recording(), Context(id="me", callbacks=[LINK, {**LINK, "immutable": True}])
    links.succeeded(app, request, "result")
    links.succeeded(app, request, "result")
    first, second, *again = app.sent
    assert first[:3] == ("links.next", ("result", 1), {"a": 2})
    assert second[1] == (1,)
    assert first[3]["queue"] == "q"
    assert first[3]["task_id"] != second[3]["task_id"]
    assert again == [first, second], "reported twice, it is the same task"
    links.succeeded(app, Context(id="me"), "result")
    assert len(app.sent) == 4


def test_failure_is_told_here_to_who_takes_it_all() -> None:
    app, told = Recording(), []

    @app.task(name="links.three")
    def three(request: Any, error: Any, traceback: Any) -> None:
        told.append((request.id, error.args, traceback))

    @app.task(name="links.one")
    def one(task_id: str) -> None: ...

    request = Context(id="me", errbacks=[{"task": "links.three"}, {"task": "links.one"}, {"task": "links.far"}])
    links.failed(app, request, KeyError("k"), "the text")
    assert told == [("me", ("k",), "the text")]
    assert [sent[:2] for sent in app.sent] == [("links.one", ("me",)), ("links.far", ("me",))]
    links.failed(app, Context(id="me", errbacks={"task": "links.one"}), KeyError("k"), None)
    assert len(app.sent) == 3
