-- Purpose: give a run what its data refers to in another run: the two have no row in common, and go separately.
-- Rows: one a piece; one that the other run does not have is passed over, one that the run has already stays.
-- Locks: none that another owner waits for.
-- Index: payloads primary key.
-- Failure: none of its own.
INSERT INTO perdure.payloads (shard_id, run_id, hash, data)
SELECT x.shard_id, x.run_id::uuid, p.hash, p.data
FROM unnest(
    %b::int8[], %b::int8[], %b::text[], %b::text[], %b::bytea[]
) AS x (shard_id, from_shard_id, from_run_id, run_id, hash)
INNER JOIN perdure.payloads AS p
    ON p.shard_id = x.from_shard_id
    AND p.run_id = x.from_run_id::uuid
    AND p.hash = x.hash
ON CONFLICT (shard_id, run_id, hash) DO NOTHING
