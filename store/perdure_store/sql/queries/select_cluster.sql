-- Purpose: who this cluster is.
-- Rows: one.
-- Locks: none.
-- Index: cluster primary key.
-- Failure: no row before the first migration has finished.
SELECT cluster_id::text, shard_count
FROM perdure.cluster
WHERE id = 1
