"""What is published for an outstanding row."""

from __future__ import annotations

from perdure.protocol.tasks import TaskKind, WorkflowTask, decode_task
from perdure_broker.port import StreamKind, TaskStream
from perdure_engine.outstanding import entry_of, key_of, member_of, publication_of, stream_of
from perdure_store.port import TransferKey, TransferRow


def row(kind: TaskKind, data: bytes = b"") -> TransferRow:
    return TransferRow(3, "run", kind, 5, 2, 0, "default", "queue", 0, False, 77, data)


def test_the_row_of_an_activity_holds_its_entry() -> None:
    activity = row(TaskKind.ACTIVITY, b"entry")
    assert stream_of(activity) == TaskStream("default", "queue", StreamKind.ACTIVITY)
    assert publication_of(activity) == (3, "run:5:2", b"entry")
    assert key_of(activity) == TransferKey(3, "run", 2, 5)


def test_the_entry_of_a_workflow_task_says_which_task_it_is_and_leaves_the_rest_to_be_asked_for() -> None:
    workflow = row(TaskKind.WORKFLOW)
    task = decode_task(entry_of(workflow))
    assert isinstance(task, WorkflowTask)
    assert (task.run_id, task.shard_id, task.scheduled_event_id, task.attempt) == ("run", 3, 5, 2)
    assert (task.started_time_us, task.continues_from, task.events) == (77, 0, b"")
    assert member_of(workflow) == "run:5:2"
    assert stream_of(workflow) == TaskStream("default", "queue", StreamKind.WORKFLOW)
