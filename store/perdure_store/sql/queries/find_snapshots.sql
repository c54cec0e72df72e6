-- Purpose: the snapshots of runs that are being loaded.
-- Rows: the chunks of each run, in order.
-- Locks: none.
-- Index: snapshots primary key.
-- Failure: none of its own.
SELECT s.shard_id, s.run_id::text, s.batch_no, s.data
FROM unnest(%b::int8[], %b::text[]) AS x (shard_id, run_id)
INNER JOIN perdure.snapshots AS s
    ON s.shard_id = x.shard_id
    AND s.run_id = x.run_id::uuid
ORDER BY s.shard_id, s.run_id, s.chunk_no
