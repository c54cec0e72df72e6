"""What a handler knows about its update."""

from __future__ import annotations

import contextvars

from perdure.workflow.update_information import UpdateInfo, current, current_update_info


def test_it_is_known_within_its_context_alone() -> None:
    assert current_update_info() is None
    context = contextvars.copy_context()
    context.run(current.set, UpdateInfo("u1", "add"))
    assert context.run(current_update_info) == UpdateInfo("u1", "add")
    assert current_update_info() is None
