"""Routes: by name, by pattern, by function."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.routes import queue_name, queues_of, route_of


def by_function(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_known: Any) -> Any:
    return {"queue": "long", "priority": 9} if kwargs.get("long") else None


ROUTES: list[Any] = [
    by_function,
    {"feed.import": "imports", "feed.*": {"queue": "feeds"}},
    (re.compile(r"(video|image)\..*"), {"queue": SimpleNamespace(name="media")}),
]


@pytest.mark.parametrize(
    ("name", "kwargs", "route"),
    [
        ("feed.import", {}, {"queue": "imports"}),
        ("feed.read", {}, {"queue": "feeds"}),
        ("feed.read", {"long": True}, {"queue": "long", "priority": 9}),
        ("other", {}, {}),
    ],
)
def test_the_first_that_says_something(name: str, kwargs: Any, route: Any) -> None:
    assert route_of(ROUTES[:2], name, (), kwargs, {}, None) == route


def test_forms() -> None:
    assert route_of([ROUTES[2]], "video.cut", (), {}, {}, None) == {"queue": "media"}
    assert route_of(ROUTES[1], "feed.a", (), {}, {}, None) == {"queue": "feeds"}
    assert route_of(None, "feed.a", (), {}, {}, None) == {}
    assert list(queues_of(ROUTES[:2])) == ["imports", "feeds"]
    assert list(queues_of([ROUTES[2]])) == ["media"]


def test_what_is_no_route() -> None:
    with pytest.raises(ImproperlyConfigured, match="give a mapping such as"):
        route_of("myapp.routers.Router", "a", (), {}, {}, None)
    with pytest.raises(ImproperlyConfigured, match="give the function itself"):
        route_of(["myapp.Router"], "a", (), {}, {}, None)
    with pytest.raises(ImproperlyConfigured, match="is no queue; give its name"):
        queue_name(3)
