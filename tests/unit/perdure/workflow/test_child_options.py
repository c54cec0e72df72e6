"""What may be said about a child."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.protocol import child_workflow
from perdure.workflow.child_options import child_type_of


@workflow.defn(name="Kid")
class Child:
    @workflow.run
    async def run(self) -> int:
        return 1


def test_a_child_is_named_by_class_method_or_name() -> None:
    assert child_type_of(Child) == child_type_of(Child.run) == ("Kid", int)
    assert child_type_of("Kid") == ("Kid", None)


def test_what_is_no_workflow_is_told() -> None:
    with pytest.raises(TypeError, match=r"'print' is not a workflow: decorate it with @workflow.defn"):
        child_type_of(print)


def test_policies_are_those_of_the_protocol() -> None:
    assert {policy.name: int(policy) for policy in workflow.ParentClosePolicy if policy} == {
        policy.name: int(policy) for policy in child_workflow.ParentClosePolicy
    }
