-- Purpose: forget closed executions of activities that were to be kept for a time of their own.
-- Rows: at most `limit`, the longest overdue first; none if the shard is owned by another range by now.
-- Locks: those rows; nobody else writes closed ones.
-- Index: activity_executions_expiring, a range; activity_executions primary key.
-- Failure: none of its own.
DELETE FROM perdure.activity_executions AS a
WHERE (a.shard_id, a.run_id, a.number) IN (
    SELECT e.shard_id, e.run_id, e.number
    FROM perdure.activity_executions AS e
    INNER JOIN perdure.shards AS s
        ON s.shard_id = e.shard_id
        AND s.range_id = %(range_id)b::int8
    WHERE e.shard_id = %(shard_id)b::int8
        AND e.expires_us > 0
        AND e.expires_us <= %(now_us)b::int8
    ORDER BY e.expires_us
    LIMIT %(limit)b::int8
)
