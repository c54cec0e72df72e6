-- Purpose: keep pieces of the data of runs.
-- Rows: one a piece; one that the run has already stays as it is.
-- Locks: none that another owner waits for.
-- Index: payloads primary key.
-- Failure: 23514 when a piece is larger than 512 KiB.
INSERT INTO perdure.payloads (shard_id, run_id, hash, data)
SELECT x.shard_id, x.run_id::uuid, x.hash, x.data
FROM unnest(
    %b::int8[], %b::text[], %b::bytea[], %b::bytea[]
) AS x (shard_id, run_id, hash, data)
ON CONFLICT (shard_id, run_id, hash) DO NOTHING
