"""Outside of a workflow there is nothing to say; inside, see `tests/unit/perdure/execution/test_properties.py`."""

from __future__ import annotations

import pytest

from perdure import workflow


def test_only_a_workflow_has_properties() -> None:
    with pytest.raises(workflow.NotInWorkflowError):
        workflow.upsert_memo({"a": 1})
    with pytest.raises(workflow.NotInWorkflowError):
        workflow.upsert_search_attributes([])
