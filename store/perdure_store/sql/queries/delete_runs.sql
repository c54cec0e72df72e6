-- Purpose: forget closed runs, with all that belongs to them. Together, so that no half of a run can be found.
-- Rows: each run, its history, its data, its snapshot and its witnesses; none if the shard is owned by another range by now. Open
--     runs and those with an outstanding task are passed over.
-- Locks: those rows; nobody else writes them.
-- Index: primary keys.
-- Failure: none of its own.
WITH gone AS (
    SELECT e.shard_id, e.run_id
    FROM unnest(%(run_ids)b::text[]) AS x (run_id)
    INNER JOIN perdure.executions AS e
        ON e.shard_id = %(shard_id)b::int8
        AND e.run_id = x.run_id::uuid
    INNER JOIN perdure.shards AS s
        ON s.shard_id = e.shard_id
        AND s.range_id = %(range_id)b::int8
    WHERE e.close_time_us > 0
        AND NOT EXISTS (
            SELECT 1
            FROM perdure.transfer_tasks AS t
            WHERE t.shard_id = e.shard_id
                AND t.run_id = e.run_id
        )
),
without_history AS (
    DELETE FROM perdure.history_events AS h
    USING gone
    WHERE h.shard_id = gone.shard_id
        AND h.run_id = gone.run_id
    RETURNING 1
),
without_payloads AS (
    DELETE FROM perdure.payloads AS p
    USING gone
    WHERE p.shard_id = gone.shard_id
        AND p.run_id = gone.run_id
    RETURNING 1
),
without_snapshot AS (
    DELETE FROM perdure.snapshots AS c
    USING gone
    WHERE c.shard_id = gone.shard_id
        AND c.run_id = gone.run_id
    RETURNING 1
),
without_witnesses AS (
    DELETE FROM perdure.request_results AS r
    USING gone
    WHERE r.shard_id = gone.shard_id
        AND r.run_id = gone.run_id
    RETURNING 1
)
DELETE FROM perdure.executions AS e
USING gone
WHERE e.shard_id = gone.shard_id
    AND e.run_id = gone.run_id
