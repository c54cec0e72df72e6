-- Purpose: write snapshots, after `delete_snapshots` of the same runs.
-- Rows: one a chunk.
-- Locks: none that another owner waits for.
-- Index: snapshots primary key.
-- Failure: 23505 when a batch names a run twice.
INSERT INTO perdure.snapshots (shard_id, run_id, chunk_no, batch_no, data)
SELECT x.shard_id, x.run_id::uuid, x.chunk_no, x.batch_no, x.data
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::bytea[]
) AS x (shard_id, run_id, chunk_no, batch_no, data)
