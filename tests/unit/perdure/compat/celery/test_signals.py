"""Signals: who is called, and what it may do."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from perdure.compat.celery.signals import Signal


def test_receivers_are_called_in_their_order() -> None:
    signal, called = Signal("odd"), []

    @signal.connect
    def first(sender: Any, **named: Any) -> str:
        called.append(("first", sender, named["number"]))
        return "one"

    @signal.connect(sender="me")
    def second(sender: Any, **named: Any) -> None:
        called.append(("second", sender, named["number"]))

    assert signal.send(sender="other", number=1) == [(first, "one")]
    signal.send(sender="me", number=2)
    assert called == [("first", "other", 1), ("first", "me", 2), ("second", "me", 2)]
    assert signal.disconnect(first)
    assert not signal.disconnect(first)
    assert signal.receivers == [second]
    assert repr(signal) == "<Signal: odd>"


def test_one_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    signal, called = Signal("odd"), []

    def broken(**_named: Any) -> None:
        raise ValueError("broken")

    signal.connect(broken)
    signal.connect(lambda **named: called.append(named["sender"]), dispatch_uid="x")
    signal.connect(lambda **named: called.append(named["sender"]), dispatch_uid="x")
    [(_, error), _] = signal.send(sender=7)
    assert isinstance(error, ValueError)
    assert called == [7]
    assert "of the signal odd failed" in caplog.text


def test_one_that_is_never_sent_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Signal("beat_init", "engines do it").connect(print)
    assert "The signal beat_init is never sent by Perdure: engines do it" in caplog.text
