-- Purpose: make the shards of a new cluster.
-- Rows: one for each shard that the cluster counts and that is missing.
-- Locks: none.
-- Index: shards primary key.
-- Failure: none of its own.
INSERT INTO perdure.shards (
    shard_id, range_id, owner, commit_seq, inbox_epoch, inbox_cursor, next_task_id, time_us
)
SELECT n.shard_id, 0, '', 0, '', '0-0', 1, 0
FROM perdure.cluster AS c
CROSS JOIN LATERAL generate_series(0::int8, c.shard_count - 1) AS n (shard_id)
ON CONFLICT (shard_id) DO NOTHING
