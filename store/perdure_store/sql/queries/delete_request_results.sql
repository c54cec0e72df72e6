-- Purpose: forget witnesses that no sender asks for any more.
-- Rows: at most `limit`, created before `created_before_us`.
-- Locks: those rows; owners only insert.
-- Index: request_results_created, one range a shard; then the primary key.
-- Failure: none of its own.
DELETE FROM perdure.request_results
WHERE (shard_id, run_id, request_id) IN (
    SELECT o.shard_id, o.run_id, o.request_id
    FROM perdure.shards AS s
    CROSS JOIN LATERAL (
        SELECT r.shard_id, r.run_id, r.request_id
        FROM perdure.request_results AS r
        WHERE r.shard_id = s.shard_id
            AND r.created_us < %(created_before_us)b::int8
        ORDER BY r.created_us
        LIMIT %(limit)b::int8
    ) AS o
    LIMIT %(limit)b::int8
)
