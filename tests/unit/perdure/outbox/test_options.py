"""The options that type checkers see are those that the calls take, and those of a client but for waiting."""

from __future__ import annotations

import inspect

from perdure.client import Client
from perdure.outbox import Outbox
from perdure.outbox.options import OutboxActivityOptions, OutboxWorkflowOptions

WAITING = {"result_type", "rpc_metadata", "rpc_timeout", "request_eager_start"}


def _options(call: object) -> list[str]:
    parameters = inspect.signature(call).parameters.values()  # type: ignore[arg-type]
    return sorted(each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY)


def test_of_workflows() -> None:
    assert sorted(OutboxWorkflowOptions.__annotations__) == _options(Outbox.start_workflow)
    assert _options(Outbox.start_workflow) == sorted(set(_options(Client.start_workflow)) - WAITING)


def test_of_activities() -> None:
    assert sorted(OutboxActivityOptions.__annotations__) == _options(Outbox.start_activity)
    assert _options(Outbox.start_activity) == sorted(set(_options(Client.start_activity)) - WAITING)
