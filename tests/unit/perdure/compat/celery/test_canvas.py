"""Signatures of several tasks: how they are put together, what they do eagerly, and that they travel as plain data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.compat.celery import Celery, GroupResult, chain, chord, chunks, group, signature, xmap, xstarmap
from perdure.compat.celery.exceptions import ImproperlyConfigured
from perdure.compat.celery.values import to_plain


@pytest.fixture
def app() -> Celery:
    app = Celery("t")
    app.conf.task_always_eager = True
    return app


@pytest.fixture
def add(app: Celery) -> Any:
    @app.task(name="t.add")
    def add(x: int, y: int) -> int:
        return x + y

    return add


@pytest.fixture
def xsum(app: Celery) -> Any:
    @app.task(name="t.xsum")
    def xsum(numbers: list[int]) -> int:
        return sum(numbers)

    return xsum


@pytest.fixture
def fail(app: Celery) -> Any:
    @app.task(name="t.fail")
    def fail(*_args: object) -> None:
        raise ValueError("no")

    return fail


def test_rows_become_one_chain(add: Any, xsum: Any) -> None:
    row = add.s(2, 2) | add.s(4) | (add.s(8) | add.s(16))
    assert isinstance(row, chain)
    assert len(row.tasks) == 4
    assert repr(row) == "t.add(2, 2) | t.add(4) | t.add(8) | t.add(16)"
    assert chain(add.s(1, 1), add.s(2)) == chain([add.s(1, 1), add.s(2)]) == (add.s(1, 1) | add.s(2))
    assert repr(add.s(1, 1) | group(add.s(2), add.s(3))) == "t.add(1, 1) | group([t.add(2), t.add(3)])"
    assert repr(chord([add.s(1, 1)], xsum.s())) == "chord([t.add(1, 1)], t.xsum())"
    assert len(group(group(add.s(1, 1), add.s(2, 2)), add.s(3, 3))) == 3


@pytest.mark.parametrize("travels", [False, True])
def test_what_they_come_to(add: Any, xsum: Any, travels: bool) -> None:
    def result(whole: Any, *args: Any) -> Any:
        given = signature(json.loads(json.dumps(to_plain(whole)))) if travels else whole
        return given.delay(*args).get()

    assert result(add.s(2, 2) | add.s(4) | add.s(8)) == 16
    assert result(add.s(4) | add.s(8), 1) == 13
    assert result(add.si(2, 2) | add.si(4, 4)) == 8
    assert result(group(add.s(i, i) for i in range(4))) == [0, 2, 4, 6]
    assert result(group(add.s(i) for i in range(4)), 1) == [1, 2, 3, 4]
    assert result(chord((add.s(i, i) for i in range(4)), xsum.s())) == 12
    assert result(group(add.s(i, i) for i in range(4)) | xsum.s() | add.s(1)) == 13
    assert result(chord([add.s(1), add.s(2)], xsum.s()), 10) == 23
    assert result(xsum.map([[1, 2], [3, 4]])) == [3, 7]
    assert result(add.starmap([(1, 2), (3, 4)])) == [3, 7]
    assert result(add.chunks([(1, 2), (3, 4), (5, 6)], 2)) == [[3, 7], [11]]


def test_a_chord_may_get_its_body_later(add: Any, xsum: Any) -> None:
    header = chord(add.s(i, i) for i in range(3))
    assert header(xsum.s()).get() == 6
    with pytest.raises(ImproperlyConfigured, match="needs a body"):
        header.delay()


def test_what_fails_eagerly(add: Any, fail: Any) -> None:
    with pytest.raises(ValueError, match="no"):
        (fail.s() | add.s(1)).delay().get()
    result = group(add.s(1, 1), fail.s()).delay()
    assert isinstance(result, GroupResult)
    assert (result.failed(), result[0].get()) == (True, 2)


def test_links_of_several_tasks(add: Any, xsum: Any) -> None:
    row = add.s(1, 1) | add.s(2)
    row.link(xsum.si([]))
    assert row.tasks[-1].options == {"link": [xsum.si([])]}
    row.link_error(xsum.si([]))
    assert row.options == {"link_error": [xsum.si([])]}
    whole = chord([add.s(1, 1)], add.s(0))
    whole.link(xsum.si([]))
    assert whole.body.options == {"link": [xsum.si([])]}
    members = group(add.s(1, 1), add.s(2, 2))
    members.link_error(xsum.si([]))
    assert [member.options["link_error"] for member in members.tasks] == [[xsum.si([])]] * 2
    with pytest.raises(ImproperlyConfigured, match="no result of its own"):
        members.link(xsum.si([]))


def test_options_are_for_those_that_begin(add: Any, xsum: Any) -> None:
    row = (add.s(1, 1) | add.s(2)).clone()
    row.begin_with((), {}, {"queue": "slow"})
    assert [link.options for link in row.tasks] == [{"queue": "slow"}, {}]
    whole = chord([add.s(1, 1)], xsum.s())
    whole.begin_with((), {}, {"queue": "slow"})
    assert (whole.tasks.tasks[0].options, whole.body.options) == ({"queue": "slow"}, {"queue": "slow"})


def test_what_is_no_signature(add: Any) -> None:
    with pytest.raises(TypeError, match="is no signature"):
        group(add.s(1, 1), 3)
    with pytest.raises(ImproperlyConfigured, match="at least"):
        chain()
    with pytest.raises(ValueError, match="1 or more"):
        add.chunks([(1, 2)], 0)
    with pytest.raises(TypeError):
        add.s(1, 1) | 3
    assert group().apply().get() == []


def test_how_maps_show(add: Any) -> None:
    assert isinstance(add.map([1]), xmap)
    assert isinstance(add.starmap([(1, 2)]), xstarmap)
    assert isinstance(add.chunks([(1, 2)], 1), chunks)
    assert repr(add.map([1, 2])) == "[t.add(x) for x in [1, 2]]"
    assert repr(add.starmap([(1, 2)])) == "[t.add(*x) for x in [(1, 2)]]"


def test_what_there_is_not(add: Any) -> None:
    for owner, name in ((add, "replace"), (add, "add_to_chord"), (group(add.s(1, 1)), "skew"), (add.s(1, 1), "stamp")):
        assert not hasattr(owner, name)
