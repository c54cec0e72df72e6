-- Purpose: forget closed executions of activities whose time is over.
-- An `expires_us` below 0 says that one is kept as its namespace says, and until then at least.
-- Rows: at most `limit`, the longest closed first; none if the shard is owned by another range by now.
-- Locks: those rows; nobody else writes closed ones.
-- Index: activity_executions_closed, a range; activity_executions primary key.
-- Failure: none of its own.
DELETE FROM perdure.activity_executions AS a
WHERE (a.shard_id, a.run_id, a.number) IN (
    SELECT e.shard_id, e.run_id, e.number
    FROM perdure.activity_executions AS e
    INNER JOIN perdure.shards AS s
        ON s.shard_id = e.shard_id
        AND s.range_id = %(range_id)b::int8
    WHERE e.shard_id = %(shard_id)b::int8
        AND e.namespace = %(namespace)b::text
        AND e.status > 1
        AND e.close_time_us < %(closed_before_us)b::int8
        AND e.expires_us <= 0
        AND -e.expires_us <= %(now_us)b::int8
    ORDER BY e.close_time_us
    LIMIT %(limit)b::int8
)
