"""`workflow.unsafe`."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.workflow.unsafe_code import is_io_permitted


def test_permission_lasts_as_long_as_the_block() -> None:
    with workflow.unsafe.imports_passed_through(), workflow.unsafe.sandbox_unrestricted():
        assert is_io_permitted()
        assert workflow.unsafe.is_imports_passed_through()
        assert workflow.unsafe.is_sandbox_unrestricted()
    assert not is_io_permitted()
    assert not workflow.unsafe.in_sandbox()


def test_it_is_no_class_to_make_objects_of() -> None:
    with pytest.raises(TypeError):
        workflow.unsafe()


def test_a_policy_for_imports_is_kept_for_its_block() -> None:
    policy = workflow.SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
    with workflow.unsafe.sandbox_import_notification_policy(policy):
        assert workflow.unsafe.current_import_notification_policy_override() == policy
        with workflow.unsafe.sandbox_import_notification_policy(workflow.SandboxImportNotificationPolicy.SILENT):
            pass
        assert workflow.unsafe.current_import_notification_policy_override() == policy
    assert workflow.unsafe.current_import_notification_policy_override() is None
