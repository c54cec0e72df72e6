-- Purpose: outstanding tasks by their keys.
-- Rows: those that still exist, in key order.
-- Locks: none.
-- Index: transfer_tasks primary key.
-- Failure: none of its own.
SELECT
    t.shard_id, t.run_id::text, t.kind, t.event_id, t.attempt, t.task_id, t.namespace, t.task_queue, t.priority,
    t.backlog, t.created_us, t.data, t.heartbeat, t.worker
FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[]) AS x (shard_id, run_id, kind, event_id)
INNER JOIN perdure.transfer_tasks AS t
    ON t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
ORDER BY t.shard_id, t.run_id, t.kind, t.event_id
