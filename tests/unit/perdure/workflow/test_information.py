"""What a workflow knows about itself."""

from __future__ import annotations

from perdure import workflow
from perdure.workflow.information import CONTINUE_AS_NEW_SUGGESTED_EVENTS
from tests.workflow_story import Story


@workflow.defn
async def curious() -> list[object]:
    info = workflow.info()
    return [
        info.logger_details()["workflow_id"],
        info.get_current_history_length(),
        info.get_current_history_size(),
        info.is_continue_as_new_suggested(),
    ]


def test_info_of_a_running_workflow() -> None:
    story = Story(curious)
    story.task()
    assert story.result == ["wf", 3, 0, False]
    assert CONTINUE_AS_NEW_SUGGESTED_EVENTS == 4096
