-- Purpose: make room for a later snapshot, or remove one.
-- Rows: all chunks of each run.
-- Locks: those rows.
-- Index: snapshots primary key, by its first two columns.
-- Failure: none of its own.
DELETE FROM perdure.snapshots AS s
USING unnest(%b::int8[], %b::text[]) AS x (shard_id, run_id)
WHERE s.shard_id = x.shard_id
    AND s.run_id = x.run_id::uuid
