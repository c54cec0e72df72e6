"""What programs do with the sandbox of `temporalio`: it is all accepted, and changes nothing."""

from __future__ import annotations

import dataclasses

from perdure.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from perdure.worker.workflow_sandbox import (
    RestrictedWorkflowAccessError,
    SandboxedWorkflowRunner,
    SandboxMatcher,
    SandboxRestrictions,
)
from perdure.workflow import SandboxImportNotificationPolicy, WorkflowIOError


def test_restrictions_are_kept_as_they_were_asked_for() -> None:
    restrictions = SandboxRestrictions.default.with_passthrough_modules("pydantic").with_passthrough_modules("httpx")
    assert restrictions.passthrough_modules == {"pydantic", "httpx"}
    assert restrictions.with_passthrough_all_modules().passthrough_all_modules
    policy = SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
    assert restrictions.with_import_notification_policy(policy).import_notification_policy == policy
    runner = SandboxedWorkflowRunner(restrictions=restrictions)
    assert isinstance(runner, WorkflowRunner)
    assert runner.runner_class is UnsandboxedWorkflowRunner
    assert not SandboxRestrictions.default.passthrough_modules


def test_matchers_are_put_together() -> None:
    matcher = SandboxMatcher.nested_child(["datetime", "date"], SandboxMatcher(use={"today", "now"}))
    changed = matcher.with_child_unrestricted("datetime", "date", "today")
    assert changed.children["datetime"].children["date"].use == {"now"}
    both = changed | SandboxMatcher(access={"open"}, match_self=True)
    assert both.access == {"open"}
    assert both.match_self
    assert both.children == changed.children
    restrictions = dataclasses.replace(SandboxRestrictions.default, invalid_module_members=both | SandboxMatcher.all)
    assert restrictions.invalid_module_members.match_self
    assert matcher.with_child_unrestricted("datetime").children == {}


def test_what_is_refused_is_the_same_error() -> None:
    assert issubclass(WorkflowIOError, RestrictedWorkflowAccessError)
