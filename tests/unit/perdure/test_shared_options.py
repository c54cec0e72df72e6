"""What a call with shared options shows of itself."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from perdure.client import Client, WithStartWorkflowOperation
from perdure.outbox import Outbox
from perdure.shared_options import takes_options_of


def collect(what: str, *, size: int, colour: str = "red", **more: Any) -> str:
    return f"{what}, {size}, {colour}, {more}"


@takes_options_of(collect)
def paint(what: str, *, colour: str = "blue", brush: int = 2, **options: Any) -> str:
    return collect(what, colour=colour, **options)


def test_a_call_shows_its_own_options_and_those_that_it_hands_on() -> None:
    shown = inspect.signature(paint)
    assert list(shown.parameters) == ["what", "size", "colour", "brush"]
    assert shown.parameters["size"].default is inspect.Parameter.empty
    assert shown.parameters["colour"].default == "blue"
    assert paint("a door", size=3) == "a door, 3, blue, {}"


@pytest.mark.parametrize(
    ("call", "has", "has_not"),
    [
        (Client.start_workflow, "start_signal", "connection"),
        (Client.execute_workflow, "request_eager_start", "connection"),
        (Client.start_activity, "rpc_timeout", "cron_schedule"),
        (Client.execute_activity, "result_type", "cron_schedule"),
        (WithStartWorkflowOperation, "cron_schedule", "start_signal"),
        (Outbox.start_workflow, "start_signal", "rpc_timeout"),
        (Outbox.start_activity, "start_delay", "result_type"),
    ],
)
def test_starts_say_what_they_take(call: Any, has: str, has_not: str) -> None:
    shown = inspect.signature(call).parameters
    assert {"args", "id", "task_queue", "retry_policy", "priority", has} <= set(shown)
    assert has_not not in shown
    assert all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in shown.values())


@pytest.mark.parametrize("call", [Outbox().start_workflow, Outbox().start_activity])
def test_an_option_that_a_call_does_not_take_is_refused(call: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'rpc_timeout'"):
        call(None, "Greet", id="greet", task_queue="greetings", rpc_timeout=None)
