-- Purpose: whether a request took effect on a run.
-- Rows: at most one.
-- Locks: none.
-- Index: request_results primary key.
-- Failure: none of its own.
SELECT 1
FROM perdure.request_results
WHERE shard_id = %(shard_id)b::int8
    AND run_id = %(run_id)b::text::uuid
    AND request_id = %(request_id)b::text
