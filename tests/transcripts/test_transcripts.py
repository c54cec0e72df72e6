"""The golden stories.

PERDURE_UPDATE_TRANSCRIPTS=1 writes down what happens now: read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.transcripts.story import Narrator, Step, read_story, write_story

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))
TOLD_ANEW_AFTER_A_RELOAD = {"heartbeat_timeout", "updates", "updates_of_lost_workers"}
"""Stories that a reload does change: the times of heartbeats are kept in memory alone, so that a check which follows a
reload gives the attempt one more timeout. So are updates that no worker has accepted, and the tasks that are out for
their sake."""
UPDATE = os.environ.get("PERDURE_UPDATE_TRANSCRIPTS") == "1"


@pytest.fixture(params=STORIES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_story_goes_as_written(path: Path) -> None:
    parts = read_story(path)
    narrator = Narrator()
    outputs = [narrator.tell(step) for step in parts if isinstance(step, Step)]
    narrator.end()
    told = write_story(parts, outputs)
    if UPDATE:
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


def test_a_reload_between_steps_changes_nothing(path: Path) -> None:
    if path.stem in TOLD_ANEW_AFTER_A_RELOAD:
        return
    narrator = Narrator(reloading=True)
    for step in read_story(path):
        if isinstance(step, Step) and step.line != "end-batch":
            assert narrator.tell(step) == step.output
    narrator.end()


def test_a_changed_story_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("start\n----\nnothing happens\n", encoding="utf-8")
    [step] = [part for part in read_story(path) if isinstance(part, Step)]
    assert step.output == ["nothing happens"]
    assert Narrator().tell(step) != step.output
