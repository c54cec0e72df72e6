"""The request: what a call says, what nobody said, and headers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perdure.compat.celery.context import Context, origin, running
from perdure.compat.celery.message import Message


def test_outside_of_a_call() -> None:
    request = Context()
    assert (request.called_directly, request.retries, request.id, request.correlation_id) == (True, 0, None, None)
    assert request.anything is None
    assert request.get("anything", 3) == 3
    assert running.get() == ()
    with pytest.raises(AttributeError):
        request.__deepcopy__  # noqa: B018  # Python asks for such names


def test_of_a_message() -> None:
    eta = datetime(2026, 1, 1, tzinfo=UTC)
    extras = {
        "root_id": "root",
        "parent_id": "parent",
        "headers": {"tenant": "acme"},
        "eta": eta,
        "ignore_result": True,
    }
    request = Context.of(Message([1], {"a": 2}, extras), id="me", retries=2)
    assert (request.id, request.root_id, request.parent_id, request.retries) == ("me", "root", "parent", 2)
    assert (request.args, request.kwargs, request.eta) == ([1], {"a": 2}, "2026-01-01T00:00:00+00:00")
    assert (request.tenant, request.ignore_result, request.called_directly) == ("acme", True, False)
    plain = Context.of(Message([], {}, {}), id="me")
    assert (plain.root_id, plain.parent_id, plain.ignore_result) == ("me", None, False)
    assert "@" in origin()
    assert "me" in repr(plain)
