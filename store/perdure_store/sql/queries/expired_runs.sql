-- Purpose: closed runs whose time is over, the longest closed first.
-- Rows: at most `limit`; those whose record for lists is still to be written wait.
-- Locks: none.
-- Index: executions_expiring, a range; transfer_tasks primary key.
-- Failure: none of its own.
SELECT e.run_id::text, e.history_length
FROM perdure.executions AS e
WHERE e.shard_id = %(shard_id)b::int8
    AND e.namespace = %(namespace)b::text
    AND e.status > 1
    AND e.close_time_us >= %(closed_from_us)b::int8
    AND e.close_time_us < %(closed_before_us)b::int8
    AND NOT EXISTS (
        SELECT 1
        FROM perdure.transfer_tasks AS t
        WHERE t.shard_id = e.shard_id
            AND t.run_id = e.run_id
    )
ORDER BY e.close_time_us, e.run_id
LIMIT %(limit)b::int8
