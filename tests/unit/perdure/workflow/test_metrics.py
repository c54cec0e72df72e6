"""Metrics of workflow code: once, whatever happens to its worker."""

from __future__ import annotations

import pytest

from perdure import workflow
from perdure.execution.surroundings import WorkerSettings
from tests.unit.perdure.test_metrics import NotingMeter
from tests.workflow_story import Story


@workflow.defn
class Counting:
    def __init__(self) -> None:
        self.done = False

    @workflow.run
    async def run(self) -> None:
        counter = workflow.metric_meter().create_counter("steps")
        counter.add(1, {"step": "first"})
        await workflow.wait_condition(lambda: self.done)
        workflow.metric_meter().create_counter("steps").add(1, {"step": "second"})

    @workflow.signal
    def finish(self) -> None:
        self.done = True


def test_a_replay_records_nothing() -> None:
    meter = NotingMeter()
    story = Story(Counting, settings=WorkerSettings("default", "queue", metric_meter=meter))
    story.task()
    story.forget()
    story.signal("finish")
    story.task()
    story.replay()
    said = {"namespace": "default", "task_queue": "queue", "workflow_type": "Counting"}
    assert meter.notes == [
        ("COUNTER", "steps", 1, {**said, "step": "first"}),
        ("COUNTER", "steps", 1, {**said, "step": "second"}),
    ]


def test_only_workflows_have_it() -> None:
    with pytest.raises(workflow.NotInWorkflowError):
        workflow.metric_meter()
