-- Purpose: where every shard stands.
-- Rows: all shards, in order.
-- Locks: none.
-- Index: shards, whole.
-- Failure: none of its own.
SELECT shard_id, range_id, owner, commit_seq, inbox_epoch, inbox_cursor, next_task_id, time_us
FROM perdure.shards
ORDER BY shard_id
