-- Purpose: the heartbeats of the outstanding tasks of runs that are being loaded.
-- Rows: one a task that has one, in key order.
-- Locks: none.
-- Index: transfer_tasks primary key, by its first two columns.
-- Failure: none of its own.
SELECT t.shard_id, t.run_id::text, t.kind, t.event_id, t.heartbeat
FROM unnest(%b::int8[], %b::text[]) AS x (shard_id, run_id)
INNER JOIN perdure.transfer_tasks AS t
    ON t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.heartbeat <> ''::bytea
ORDER BY t.shard_id, t.run_id, t.kind, t.event_id
