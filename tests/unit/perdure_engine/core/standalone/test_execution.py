"""An execution and its names."""

from __future__ import annotations

from perdure.protocol.ids import activity_run_id, execution_number
from perdure.protocol.replies import ExecutionStatus
from tests.unit.perdure_engine.core.standalone.executions import BEGIN_US, RUN_ID, Audited, completed


def test_its_number_is_the_time_in_its_run_id() -> None:
    execution = Audited().execution
    assert execution.number == BEGIN_US // 1000
    assert execution.activity_run_id == activity_run_id(RUN_ID, execution.number)
    assert execution_number(RUN_ID, execution.activity_run_id) == execution.number


def test_it_is_open_until_there_is_an_outcome() -> None:
    said = Audited()
    assert said.execution.status == ExecutionStatus.RUNNING
    said.decide(completed(said))
    assert said.execution.status == ExecutionStatus.COMPLETED
