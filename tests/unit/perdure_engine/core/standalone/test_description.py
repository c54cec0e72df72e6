"""What an execution looks like from outside."""

from __future__ import annotations

from perdure.protocol.replies import ExecutionStatus
from perdure_engine.core.standalone.description import describe
from tests.unit.perdure_engine.core.standalone.executions import (
    SECOND_US,
    Audited,
    completed,
    failed,
    reported,
    request,
)


def test_from_its_start_to_its_end() -> None:
    said = Audited(request(start_delay_ms=1_000))
    waiting = describe(said.execution, said.now_us)
    assert (waiting.state, waiting.next_attempt_time_us) == ("SCHEDULED", said.now_us + SECOND_US)
    said.fire()
    said.decide(reported(said))
    running = describe(said.execution, said.now_us)
    assert (running.state, running.worker, running.next_attempt_time_us) == ("STARTED", "worker/1", 0)
    said.decide(failed(said))
    again = describe(said.execution, said.now_us)
    assert again.attempt == 2
    assert again.last_failure is not None
    said.fire()
    said.decide(completed(said))
    closed = describe(said.execution, said.now_us)
    assert (closed.status, closed.state, closed.result) == (ExecutionStatus.COMPLETED, "", b"out")
    assert closed.close_time_us == said.now_us
