-- Purpose: where one shard stands: read after an unknown outcome, to learn whether the commit happened.
-- Rows: one.
-- Locks: none.
-- Index: shards primary key.
-- Failure: no row when there is no such shard.
SELECT shard_id, range_id, owner, commit_seq, inbox_epoch, inbox_cursor, next_task_id, time_us
FROM perdure.shards
WHERE shard_id = %(shard_id)b::int8
