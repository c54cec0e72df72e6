-- Purpose: take a shard: from now on every commit of an earlier owner fails.
-- Rows: one.
-- Locks: the shard row; waits for a commit of the earlier owner that is under way.
-- Index: shards primary key.
-- Failure: no row when there is no such shard.
UPDATE perdure.shards
SET range_id = range_id + 1,
    owner = %(owner)b::text
WHERE shard_id = %(shard_id)b::int8
RETURNING shard_id, range_id, owner, commit_seq, inbox_epoch, inbox_cursor, next_task_id, time_us
