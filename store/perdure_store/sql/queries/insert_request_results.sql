-- Purpose: witness that requests took effect.
-- Rows: one a request; the first one stays.
-- Locks: none that another owner waits for.
-- Index: request_results primary key and request_results_created.
-- Failure: none of its own.
INSERT INTO perdure.request_results (shard_id, run_id, request_id, created_us, data)
SELECT x.shard_id, x.run_id::uuid, x.request_id, x.created_us, x.data
FROM unnest(
    %b::int8[], %b::text[], %b::text[], %b::int8[], %b::bytea[]
) AS x (shard_id, run_id, request_id, created_us, data)
ON CONFLICT (shard_id, run_id, request_id) DO NOTHING
