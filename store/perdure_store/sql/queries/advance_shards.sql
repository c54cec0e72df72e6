-- Purpose: the fence, first statement of every commit: move each shard of the batch from commit_seq to the next.
-- Rows: one a shard of the batch.
-- Locks: those shard rows, until the commit ends.
-- Index: shards primary key.
-- Failure: raises `stale shard` (22P02) when one shard is not at this range_id and commit_seq. It must raise, since COMMIT
-- is already on its way when a row count could be read.
WITH advanced AS (
    UPDATE perdure.shards AS s
    SET commit_seq = x.commit_seq + 1,
        inbox_epoch = x.inbox_epoch,
        inbox_cursor = x.inbox_cursor,
        next_task_id = x.next_task_id,
        time_us = x.time_us
    FROM unnest(
        %b::int8[], %b::int8[], %b::int8[], %b::text[], %b::text[], %b::int8[], %b::int8[]
    ) AS x (shard_id, range_id, commit_seq, inbox_epoch, inbox_cursor, next_task_id, time_us)
    WHERE s.shard_id = x.shard_id
        AND s.range_id = x.range_id
        AND s.commit_seq = x.commit_seq
    RETURNING s.shard_id
)
SELECT CAST(CASE WHEN count(*) = %b::int8 THEN '1' ELSE 'stale shard' END AS int8)
FROM advanced
