-- Purpose: found the cluster, at the first migration.
-- Rows: one, unless there is one.
-- Locks: none.
-- Index: cluster primary key.
-- Failure: none of its own.
INSERT INTO perdure.cluster (id, cluster_id, shard_count, schema_floor)
VALUES (1, %(cluster_id)b::text::uuid, %(shard_count)b::int8, %(schema_floor)b::int8)
ON CONFLICT (id) DO NOTHING
