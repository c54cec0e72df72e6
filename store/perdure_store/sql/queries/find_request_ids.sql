-- Purpose: the requests that took effect on runs that are being loaded.
-- Rows: one a request, in key order.
-- Locks: none.
-- Index: request_results primary key, by its first two columns.
-- Failure: none of its own.
SELECT r.shard_id, r.run_id::text, r.request_id
FROM unnest(%b::int8[], %b::text[]) AS x (shard_id, run_id)
INNER JOIN perdure.request_results AS r
    ON r.shard_id = x.shard_id
    AND r.run_id = x.run_id::uuid
ORDER BY r.shard_id, r.run_id, r.created_us, r.request_id
