"""Signatures of one task: what they are, how they are changed, and that they travel as plain data."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from perdure.compat.celery import Celery, Signature, maybe_signature, signature
from perdure.compat.celery.exceptions import NotRegistered
from perdure.compat.celery.values import to_plain


@pytest.fixture
def app() -> Celery:
    return Celery("t")


@pytest.fixture
def add(app: Celery) -> Any:
    @app.task(name="t.add")
    def add(x: int, y: int, z: int = 0) -> int:
        return x + y + z

    return add


def test_what_it_is(add: Any) -> None:
    call = add.s(2, 2, z=3)
    assert call == {
        "task": "t.add",
        "args": (2, 2),
        "kwargs": {"z": 3},
        "options": {},
        "subtask_type": None,
        "immutable": False,
    }
    assert (call.task, call.name, call.args, call.kwargs, call.id) == ("t.add", "t.add", (2, 2), {"z": 3}, None)
    assert (repr(call), call.type) == ("t.add(2, 2, z=3)", add)
    assert add.si(1, 2).immutable
    assert add.signature((2, 2), countdown=10).options == {"countdown": 10}
    assert add.subtask((1,), {"y": 2}) == add.s(1, y=2)
    assert signature("t.add", args=(1, 2), countdown=10).options == {"countdown": 10}


def test_further_arguments_go_before_its_own(add: Any) -> None:
    call = add.s(2, z=1).set(queue="slow")
    further = call.clone((1,), {"z": 3}, countdown=3)
    assert (further.args, further.kwargs) == ((1, 2), {"z": 3})
    assert further.options == {"queue": "slow", "countdown": 3}
    assert (call.args, call.options) == ((2,), {"queue": "slow"})
    fixed = add.si(2, 2).clone((1,), {"z": 3}, countdown=3)
    assert (fixed.args, fixed.kwargs, fixed.options) == ((2, 2), {}, {"countdown": 3})
    assert call.replace(args=(7,), kwargs={}, options={}) == add.s(7)
    assert call(1) == 4


def test_links(add: Any) -> None:
    call = add.s(1, 2)
    assert call.link(add.s(3)) == add.s(3)
    call.link(add.s(3))
    assert call.on_error(add.si(0, 0)) is call
    assert call.options == {"link": [add.s(3)], "link_error": [add.si(0, 0)]}
    assert call.clone().options["link"][0] is not call.options["link"][0]


def test_it_travels(add: Any) -> None:
    call = add.s(1, 2).set(countdown=3)
    call.link(add.s(4))
    for again in (
        signature(json.loads(json.dumps(to_plain(call)))),
        pickle.loads(pickle.dumps(call)),
        copy.deepcopy(call),
    ):
        assert isinstance(again, Signature)
        assert (again.task, again.args, again.options["countdown"]) == ("t.add", (1, 2), 3)
        assert isinstance(again.options["link"][0], Signature)
    assert maybe_signature(None) is None
    assert maybe_signature(dict(call)) == call
    assert maybe_signature(call, clone=True) is not call


def test_a_task_that_nobody_knows(app: Celery) -> None:
    with pytest.raises(NotRegistered, match=r"t\.nothing"):
        app.signature("t.nothing")()


def test_it_runs_eagerly(app: Celery, add: Any) -> None:
    app.conf.task_always_eager = True
    assert add.s(1).delay(2).get() == 3
    assert add.s(1).apply((2,)).get() == 3
