"""What may be said about a child."""

from __future__ import annotations

from perdure import workflow
from perdure.protocol import child_workflow


def test_policies_are_those_of_the_protocol() -> None:
    assert {policy.name: int(policy) for policy in workflow.ParentClosePolicy if policy} == {
        policy.name: int(policy) for policy in child_workflow.ParentClosePolicy
    }
