"""The logger of workflows: silent on replay."""

from __future__ import annotations

import logging

import pytest

from perdure import workflow
from tests.workflow_story import Story


@workflow.defn
async def talkative() -> None:
    workflow.logger.info("step %d", 1)
    await workflow.sleep(1)
    workflow.logger.info("step %d", 2)


def test_each_line_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    story = Story(talkative)
    with caplog.at_level(logging.INFO):
        story.task()
        story.fire_timer()
        story.forget()
        story.task()
        story.replay()
    assert [record.getMessage()[:6] for record in caplog.records] == ["step 1", "step 2"]
    assert vars(caplog.records[0])["temporal_workflow"]["workflow_id"] == "wf"
    assert "'workflow_id': 'wf'" in caplog.text


def test_it_may_be_told_to_speak_during_replay(caplog: pytest.LogCaptureFixture) -> None:
    adapter = workflow.LoggerAdapter(logging.getLogger("test.replay"), None)
    adapter.log_during_replay = True
    adapter.full_workflow_info_on_extra = True

    @workflow.defn
    async def chatty() -> None:
        adapter.info("again")

    story = Story(chatty)
    with caplog.at_level(logging.INFO):
        story.task()
        story.replay()
    assert len(caplog.records) == 2
    assert vars(caplog.records[0])["workflow_info"].workflow_id == "wf"


def test_outside_it_just_speaks(caplog: pytest.LogCaptureFixture) -> None:
    workflow.logger.warning("hello")
    assert caplog.records[0].getMessage() == "hello"
    assert workflow.logger.base_logger.name == "perdure.workflow"
