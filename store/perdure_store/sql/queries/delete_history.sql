-- Purpose: take the history of a long run away in pieces, before the run itself goes.
-- Rows: at most `limit` of one closed run, if its shard is still owned.
-- Locks: those rows; nobody else writes them.
-- Index: history_events, executions and shards primary keys.
-- Failure: none of its own.
DELETE FROM perdure.history_events
WHERE (shard_id, run_id, batch_no) IN (
    SELECT h.shard_id, h.run_id, h.batch_no
    FROM perdure.history_events AS h
    WHERE h.shard_id = %(shard_id)b::int8
        AND h.run_id = %(run_id)b::text::uuid
        AND EXISTS (
            SELECT 1
            FROM perdure.executions AS e
            INNER JOIN perdure.shards AS s
                ON s.shard_id = e.shard_id
                AND s.range_id = %(range_id)b::int8
            WHERE e.shard_id = h.shard_id
                AND e.run_id = h.run_id
                AND e.close_time_us > 0
        )
    ORDER BY h.batch_no
    LIMIT %(limit)b::int8
)
