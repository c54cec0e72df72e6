-- Purpose: a page of a shard's timers.
-- Rows: at most `limit` due up to `until_us`, in key order after the given key.
-- Locks: none.
-- Index: timer_tasks primary key; the row comparison starts the scan at the cursor, past deleted rows.
-- Failure: none of its own.
SELECT shard_id, fire_at_us, run_id::text, kind, event_id, attempt
FROM perdure.timer_tasks AS t
WHERE shard_id = %(shard_id)b::int8
    AND fire_at_us <= %(until_us)b::int8
    AND (fire_at_us, run_id, kind, event_id)
    > (%(fire_at_us)b::int8, %(run_id)b::text::uuid, %(kind)b::int8, %(event_id)b::int8)
ORDER BY t.fire_at_us, t.run_id, t.kind, t.event_id
LIMIT %(limit)b::int8
