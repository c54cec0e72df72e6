-- Purpose: a page of a shard's outstanding tasks.
-- Rows: at most `limit`, in key order after the given key; without `with_data` their data and heartbeat stay unread.
-- Locks: none.
-- Index: transfer_tasks primary key. (ORDER BY names the table, else it would mean the text that the column becomes.)
-- Failure: none of its own.
SELECT
    shard_id, run_id::text, kind, event_id, attempt, task_id, namespace, task_queue, priority, backlog, created_us,
    CASE WHEN %(with_data)b::bool THEN data ELSE ''::bytea END,
    CASE WHEN %(with_data)b::bool THEN heartbeat ELSE ''::bytea END,
    worker
FROM perdure.transfer_tasks AS t
WHERE shard_id = %(shard_id)b::int8
    AND (run_id, kind, event_id) > (%(run_id)b::text::uuid, %(kind)b::int8, %(event_id)b::int8)
ORDER BY t.run_id, t.kind, t.event_id
LIMIT %(limit)b::int8
