-- Purpose: how a history ends.
-- Rows: at most one.
-- Locks: none.
-- Index: history_events primary key, backwards.
-- Failure: none of its own.
SELECT shard_id, run_id::text, batch_no, first_event_id, data
FROM perdure.history_events
WHERE shard_id = %(shard_id)b::int8
    AND run_id = %(run_id)b::text::uuid
ORDER BY batch_no DESC
LIMIT 1
