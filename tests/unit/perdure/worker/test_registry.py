"""What a worker can run, by name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from perdure import activity, task, workflow
from perdure.common import RawValue
from perdure.worker.registry import Registry


@workflow.defn
async def order() -> None: ...


@workflow.defn(name="order")
async def another_order() -> None: ...


@activity.defn
async def charge() -> None: ...


@activity.defn(dynamic=True)
async def anything(args: object) -> None: ...


def test_by_name() -> None:
    registry = Registry([order], [charge, anything])
    found = registry.workflow("order")
    assert found is not None
    assert found.target is order
    assert registry.workflow("other") is None
    by_name, dynamic = registry.activity("charge"), registry.activity("whatever")
    assert by_name is not None
    assert dynamic is not None
    assert (by_name.name, dynamic.name) == ("charge", None)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two workflows have the name 'order'"):
        Registry([order, another_order], [])
    with pytest.raises(ValueError, match="two activities are named 'charge'"):
        Registry([], [charge, charge])
    with pytest.raises(ValueError, match="two activities are dynamic"):
        Registry([], [anything, anything])


def test_what_is_neither_is_named() -> None:
    with pytest.raises(TypeError, match="str is not a workflow: decorate it"):
        Registry([str], [])


def test_errors_list_what_there_is() -> None:
    registry = Registry([order], [])
    assert "'x' is not registered with this worker of task queue 'q', which has: order" in registry.unknown_workflow(
        "x", "q"
    )
    assert "which has: none" in registry.unknown_activity("x", "q")


@workflow.defn(dynamic=True)
class Anything:
    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> int:
        return len(args)


def test_a_dynamic_workflow_takes_what_has_no_definition() -> None:
    registry = Registry([Anything], [])
    found = registry.workflow("whatever")
    assert found is not None
    assert found.is_dynamic
    with pytest.raises(ValueError, match="two workflows are dynamic; keep one"):
        Registry([Anything, workflow.defn(dynamic=True)(type("Other", (), dict(vars(Anything))))], [])


def test_who_has_tasks_runs_canvas() -> None:
    assert list(Registry([order], [task(name="pack")(_pack), task(name="send")(_pack)]).workflows) == [
        "order",
        "perdure.canvas",
    ]
    assert not Registry([], [charge]).workflows


async def _pack() -> None: ...
