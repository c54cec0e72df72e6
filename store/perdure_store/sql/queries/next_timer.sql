-- Purpose: when a shard's next timer is due.
-- Rows: at most one.
-- Locks: none.
-- Index: timer_tasks primary key.
-- Failure: none of its own.
SELECT fire_at_us
FROM perdure.timer_tasks
WHERE shard_id = %(shard_id)b::int8
    AND fire_at_us > %(after_us)b::int8
ORDER BY fire_at_us
LIMIT 1
