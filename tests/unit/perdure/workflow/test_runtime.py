"""Which workflow runs here."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.workflow.runtime import current, current_or_none
from tests.workflow_story import Story


async def test_none_does() -> None:
    assert current_or_none() is None
    with pytest.raises(workflow.NotInWorkflowError):
        current()


async def test_the_one_that_is_being_activated() -> None:
    seen: list[object] = []

    @workflow.defn
    async def me() -> None:
        seen.append(current())

    story = Story(me)
    story.task()
    assert seen == [story.instance]
    assert current_or_none() is None
