"""Matching as users see it: lost workers, priorities, full queues, several engines."""

from __future__ import annotations

from perdure.protocol.replies import ErrorCode, ReplyKind, decode_error
from perdure.protocol.tasks import TaskKind
from perdure_broker.errors import UnexpectedReply
from perdure_broker.port import QueueState, StreamKind, TaskStream, WorkerInfo
from tests.engine_stage import ACTIVITIES, LEASE_MS, WORKFLOWS, Stage, activity, done, pass_time, until

STICKY = WORKFLOWS._replace(kind=StreamKind.STICKY, worker="w")


async def test_a_lost_worker_leads_to_the_next_attempt(stage: Stage) -> None:
    await stage.start()
    await stage.decide(activity())
    entry, task = await stage.take_activity(worker="dies")
    before = stage.loop.time()
    _, again = await stage.take_activity()
    assert again.attempt == 2
    assert LEASE_MS / 1000 <= stage.loop.time() - before <= 2 * LEASE_MS / 1000
    kind, body = await stage.finish_activity(entry, task)
    assert (kind, decode_error(body).code) == (ReplyKind.ERROR, ErrorCode.NOT_FOUND)


async def test_a_lost_workflow_task_is_tried_again(stage: Stage) -> None:
    await stage.start()
    _, first = await stage.take_workflow_task(worker="dies")
    entry, second = await stage.take_workflow_task()
    assert (first.attempt, second.attempt) == (1, 2)
    assert (await stage.complete(entry, second, done()))[0] == ReplyKind.OK


async def test_the_lease_of_a_queue_is_what_the_engine_was_told(stage: Stage) -> None:
    await until(lambda: stage.server.lease_ms(ACTIVITIES) == LEASE_MS)
    lease_ms = await stage.broker.announce_worker(ACTIVITIES, WorkerInfo("new", "new", 1, 0), 1_000)
    assert lease_ms == LEASE_MS


async def test_a_full_queue_takes_the_rest_by_priority() -> None:
    """The first sixteen fill the window; the rest waits in the store and comes by priority."""
    stage = await Stage().open()
    for stream in (WORKFLOWS, ACTIVITIES):
        await stage.broker.withdraw_worker(stream, "worker")
    await stage.start()
    commands = [activity(f"{number}", priority=1 + number % 5) for number in range(50)]
    await stage.decide(*commands)
    await until(lambda: sum(row.backlog for row in stage.outstanding(TaskKind.ACTIVITY)) >= 30)
    order = []
    for _ in range(50):
        entry, task = await stage.take_activity()
        order.append(int(task.activity_id))
        await stage.finish_activity(entry, task)
    assert sorted(order) == list(range(50))
    backlog = [number % 5 for number in order[16:]]
    assert backlog == sorted(backlog)
    await until(lambda: not stage.server.queues[ACTIVITIES].backlogged)
    await stage.decide(activity("direct"))
    await stage.take_activity(within_s=1)
    await stage.close()


async def test_nothing_overtakes_a_backlog(stage: Stage) -> None:
    await stage.broker.withdraw_worker(ACTIVITIES, "worker")
    await stage.start("many")
    await stage.decide(*(activity(f"{number}") for number in range(40)))
    await until(lambda: stage.server.queues[ACTIVITIES].backlogged)
    await stage.start("late")
    await stage.decide(activity("late"))
    order = [(await stage.take_activity())[1].activity_id for _ in range(41)]
    assert order[-1] == "late"


async def test_one_of_two_engines_dispatches_a_queue_and_the_other_takes_over() -> None:
    stage = await Stage().open("one", "two")
    await stage.broker.withdraw_worker(ACTIVITIES, "worker")
    await stage.start()
    await stage.decide(*(activity(f"{number}") for number in range(60)))
    await until(lambda: stage.server.queues[ACTIVITIES].node)
    dispatcher = stage.server.queues[ACTIVITIES].node
    stage.kill_engine(dispatcher)
    taken = {(await stage.take_activity())[1].activity_id for _ in range(60)}
    assert len(taken) == 60
    assert stage.server.queues[ACTIVITIES].node != dispatcher
    await stage.close()


async def test_the_sticky_stream_of_a_worker_that_left_is_forgotten(stage: Stage) -> None:
    await stage.broker.announce_worker(STICKY, WorkerInfo("w", "w", 1, 0), 1_000)
    await pass_time(60)
    assert STICKY not in stage.server.queues


async def test_a_broker_that_is_away_for_a_lease_loses_no_worker(stage: Stage) -> None:
    """Workers could not renew meanwhile."""
    await stage.start()
    await stage.decide(activity())
    entry, task = await stage.take_activity()
    stage.server.stop()
    await pass_time(2 * LEASE_MS / 1000)
    stage.server.start()
    await pass_time(0.3)
    assert (await stage.finish_activity(entry, task))[0] == ReplyKind.OK


async def test_a_queue_that_cannot_be_looked_after_keeps_no_other_waiting(stage: Stage) -> None:
    """Somebody put a string where its stream should be, say."""
    [engine] = stage.engines.values()
    broker = engine._broker
    ask = broker.queue_state

    async def spoiled(stream: TaskStream) -> QueueState:
        if stream.task_queue == "spoiled":
            raise UnexpectedReply("WRONGTYPE")
        return await ask(stream)

    broker.queue_state = spoiled  # type: ignore[method-assign]
    other = ACTIVITIES._replace(task_queue="spoiled")
    await stage.broker.announce_worker(other, WorkerInfo("w", "w", 1, 0), 3_600_000)
    await pass_time(3)
    await stage.start()
    await stage.take_workflow_task(worker="dies")
    _, again = await stage.take_workflow_task()
    assert again.attempt == 2
