-- Purpose: what a queue's dispatcher publishes next.
-- Rows: at most `limit`: the first of each shard after its cursor, then the second of each, and so on.
-- Locks: none.
-- Index: transfer_tasks_backlog, one range a shard; then the primary key for the chosen rows.
-- Failure: none of its own.
WITH cursors AS (
    SELECT s.shard_id, coalesce(x.task_id, 0) AS task_id
    FROM perdure.shards AS s
    LEFT JOIN unnest(%(shard_ids)b::int8[], %(task_ids)b::int8[]) AS x (shard_id, task_id)
        ON x.shard_id = s.shard_id
),
waiting AS (
    SELECT
        w.shard_id, w.run_id, w.event_id, w.task_id,
        row_number() OVER (PARTITION BY w.shard_id ORDER BY w.task_id) AS turn
    FROM cursors AS c
    CROSS JOIN LATERAL (
        SELECT t.shard_id, t.run_id, t.event_id, t.task_id
        FROM perdure.transfer_tasks AS t
        WHERE t.backlog
            AND t.namespace = %(namespace)b::text
            AND t.task_queue = %(task_queue)b::text
            AND t.kind = %(kind)b::int8
            AND t.priority = %(priority)b::int8
            AND t.shard_id = c.shard_id
            AND t.task_id > c.task_id
        ORDER BY t.task_id
        LIMIT %(limit)b::int8
    ) AS w
),
chosen AS (
    SELECT shard_id, run_id, event_id, turn
    FROM waiting
    ORDER BY turn, shard_id
    LIMIT %(limit)b::int8
)
SELECT
    t.shard_id, t.run_id::text, t.kind, t.event_id, t.attempt, t.task_id, t.namespace, t.task_queue, t.priority,
    t.backlog, t.created_us, t.data, t.heartbeat, t.worker
FROM chosen AS c
INNER JOIN perdure.transfer_tasks AS t
    ON t.shard_id = c.shard_id
    AND t.run_id = c.run_id
    AND t.kind = %(kind)b::int8
    AND t.event_id = c.event_id
ORDER BY c.turn, c.shard_id
