"""Purging a paused queue."""

from __future__ import annotations

from perdure.protocol.failure import ApplicationInfo
from perdure.protocol.replies import ErrorCode
from perdure.protocol.requests import RespondActivityTaskFailed, decode_envelope, decode_request
from perdure.protocol.task_queues import FOREVER_US, PURGED, PauseQueue, PurgeQueue
from perdure.protocol.tasks import TaskKind
from perdure_broker.memory import MemoryBroker
from perdure_broker.memory_server import MemoryServer
from perdure_broker.port import ClusterInfo
from perdure_engine.environment import RealEnvironment
from perdure_engine.frontend.purge import Purge
from perdure_store.port import TransferKey, TransferRow
from tests.engine_stage import QUEUE, Stage
from tests.unit.perdure_engine.frontend.test_service import answer, refusal


async def test_a_queue_that_is_not_paused_is_left_alone(stage: Stage) -> None:
    error = await refusal(stage, PurgeQueue("default", QUEUE))
    assert error.code == ErrorCode.FAILED_PRECONDITION
    assert "perdure queue pause" in error.message


async def test_what_waits_is_told_to_fail_for_good(stage: Stage) -> None:
    await answer(stage, PauseQueue("default", QUEUE, FOREVER_US))
    for event_id, priority in ((5, 3), (6, 1), (7, 3)):
        key = TransferKey(0, "run", TaskKind.ACTIVITY, event_id)
        stage.database.transfer[0][key] = TransferRow(*key, 2, event_id, "default", QUEUE, priority, True, 1, b"")
    broker = MemoryBroker(MemoryServer())
    purge = Purge(stage.store, broker, RealEnvironment(), ClusterInfo("c", 3, 1))
    _, purged = await purge.purge(PurgeQueue("default", QUEUE, 2, "out of paper", "me"))
    assert purged.total == 2
    [(_, entries)] = await broker.read_inboxes({0: b"0-0"}, count=10, block_ms=1)
    reports = [decode_request(decode_envelope(entry.data)[2][0]).request for entry in entries]
    assert all(isinstance(report, RespondActivityTaskFailed) for report in reports)
    assert [(report.scheduled_event_id, report.attempt) for report in reports] == [(6, 2), (5, 2)]
    assert reports[0].failure.message == "out of paper"
    assert reports[0].failure.info == ApplicationInfo(PURGED, non_retryable=True)
    stage.database.transfer[0].clear()
