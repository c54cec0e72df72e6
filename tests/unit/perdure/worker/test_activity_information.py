"""What is made of a task, wherever it runs."""

from __future__ import annotations

import pytest

from perdure import activity
from perdure.activity.definition import ActivityDefinition
from perdure.converter import DataConverter
from perdure.exceptions import ApplicationError
from perdure.worker.activity_information import arguments_of, information_of
from tests.worker_stage import activity_task


@activity.defn
def double(number: int) -> int:
    return 2 * number


DEFINITION = ActivityDefinition.to_register(double)


def test_it_says_where_it_came_from_and_when_it_began() -> None:
    task = activity_task("double", 1, attempt=5)._replace(attempt_base=2, task_queue="")
    info = information_of(task, DataConverter.default, "polled", 1_800_000_000_000_000)
    assert (info.activity_type, info.attempt, info.task_queue, info.is_local) == ("double", 3, "polled", False)
    assert info.started_time.timestamp() == 1_800_000_000
    alone = information_of(task._replace(workflow_id=""), DataConverter.default, "polled", 1)
    assert (alone.workflow_id, alone.workflow_run_id) == (None, None)
    assert alone.idempotency_key != info.idempotency_key


def test_arguments_that_do_not_fit_are_named() -> None:
    assert arguments_of(activity_task("double", 21), DEFINITION, DataConverter.default) == [21]
    with pytest.raises(ApplicationError, match="the arguments of activity 'double' do not fit its parameters"):
        arguments_of(activity_task("double", "many"), DEFINITION, DataConverter.default)
