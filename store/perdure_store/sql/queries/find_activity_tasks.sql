-- Purpose: the outstanding tasks of activities without a workflow.
-- Rows: at most one a key; `position` is the key's.
-- Locks: none.
-- Index: transfer_tasks primary key; one probe a key.
-- Failure: none of its own.
SELECT
    x.position, t.shard_id, t.run_id::text, t.kind, t.event_id, t.attempt, t.task_id, t.namespace, t.task_queue,
    t.priority, t.backlog, t.created_us, t.data, t.heartbeat, t.worker
FROM unnest(%b::int8[], %b::int8[], %b::text[]) AS x (position, shard_id, run_id)
CROSS JOIN LATERAL (
    SELECT
        o.shard_id, o.run_id, o.kind, o.event_id, o.attempt, o.task_id, o.namespace, o.task_queue, o.priority,
        o.backlog, o.created_us, o.data, o.heartbeat, o.worker
    FROM perdure.transfer_tasks AS o
    WHERE o.shard_id = x.shard_id
        AND o.run_id = x.run_id::uuid
        AND o.kind = 2
    ORDER BY o.event_id DESC
    LIMIT 1
) AS t
