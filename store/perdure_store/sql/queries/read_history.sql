-- Purpose: a page of a history.
-- Rows: at most `limit` batches after `after_batch_no`, in order.
-- Locks: none.
-- Index: history_events primary key.
-- Failure: none of its own.
SELECT shard_id, run_id::text, batch_no, first_event_id, data
FROM perdure.history_events
WHERE shard_id = %(shard_id)b::int8
    AND run_id = %(run_id)b::text::uuid
    AND batch_no > %(after_batch_no)b::int8
ORDER BY batch_no
LIMIT %(limit)b::int8
