-- Purpose: new outstanding tasks whose turn depends on more than their priority (see insert_transfer_tasks).
-- Rows: one a task.
-- Locks: none that another owner waits for.
-- Index: transfer_tasks primary key; transfer_tasks_backlog and transfer_tasks_keys for those that wait.
-- Failure: 23505 when the task is outstanding already.
INSERT INTO perdure.transfer_tasks (
    shard_id, run_id, kind, event_id, attempt, task_id, namespace, task_queue, priority, backlog, created_us, data,
    heartbeat, fairness_key, fairness_weight, cost
)
SELECT
    x.shard_id, x.run_id::uuid, x.kind, x.event_id, x.attempt, x.task_id, x.namespace, x.task_queue, x.priority,
    x.backlog <> 0, x.created_us, x.data, x.heartbeat, x.fairness_key, x.fairness_weight, x.cost
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[], %b::text[], %b::text[], %b::int8[],
    %b::int8[], %b::int8[], %b::bytea[], %b::bytea[], %b::text[], %b::int8[], %b::int8[]
) AS x (
    shard_id, run_id, kind, event_id, attempt, task_id, namespace, task_queue, priority, backlog, created_us, data,
    heartbeat, fairness_key, fairness_weight, cost
)
