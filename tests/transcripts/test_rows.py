"""Every row of the transition tables is taken by some story: one that none takes is one that nobody thought through."""

from __future__ import annotations

from tests.transcripts.story import Narrator, Step, read_story
from tests.transcripts.test_transcripts import STORIES
from tests.transition_tables import watched

ELSEWHERE = {"RULES: WORKFLOW_EXECUTION_UPDATE_ADMITTED", "RULES: UPDATE_FORGOTTEN"}
"""Rows that only a reset takes, of which no story tells: tests/unit/perdure_engine/core/test_reset.py takes them."""


def test_every_row_of_every_table_is_taken() -> None:
    with watched() as watch:
        for path in STORIES:
            narrator = Narrator()
            for step in read_story(path):
                if isinstance(step, Step):
                    narrator.tell(step)
            narrator.end()
    missed = [row for row, count in watch.rows().items() if not count and row not in ELSEWHERE]
    assert not missed, f"tell stories that take these rows, or strike the rows out: {missed}"
