-- Purpose: the next backlog of some fairness keys of a queue.
-- Rows: at most `limit` a key: the first of each shard after its cursor, then the second of each, and so on.
-- Locks: none.
-- Index: transfer_tasks_keys, one range a key and shard; then the primary key for the chosen rows.
-- Failure: none of its own.
WITH cursors AS (
    SELECT k.fairness_key, s.shard_id, coalesce(x.task_id, 0) AS task_id
    FROM unnest(%(keys)b::text[]) AS k (fairness_key)
    CROSS JOIN perdure.shards AS s
    LEFT JOIN unnest(
        %(cursor_keys)b::text[], %(shard_ids)b::int8[], %(task_ids)b::int8[]
    ) AS x (fairness_key, shard_id, task_id)
        ON x.fairness_key = k.fairness_key AND x.shard_id = s.shard_id
),
waiting AS (
    SELECT
        c.fairness_key, w.shard_id, w.run_id, w.event_id,
        row_number() OVER (PARTITION BY c.fairness_key, w.shard_id ORDER BY w.task_id) AS turn
    FROM cursors AS c
    CROSS JOIN LATERAL (
        SELECT t.shard_id, t.run_id, t.event_id, t.task_id
        FROM perdure.transfer_tasks AS t
        WHERE t.backlog
            AND t.namespace = %(namespace)b::text
            AND t.task_queue = %(task_queue)b::text
            AND t.kind = %(kind)b::int8
            AND t.priority = %(priority)b::int8
            AND t.fairness_key = c.fairness_key
            AND t.shard_id = c.shard_id
            AND t.task_id > c.task_id
        ORDER BY t.task_id
        LIMIT %(limit)b::int8
    ) AS w
),
placed AS (
    SELECT
        fairness_key, shard_id, run_id, event_id, turn,
        row_number() OVER (PARTITION BY fairness_key ORDER BY turn, shard_id) AS place
    FROM waiting
)
SELECT
    t.shard_id, t.run_id::text, t.kind, t.event_id, t.attempt, t.task_id, t.namespace, t.task_queue, t.priority,
    t.backlog, t.created_us, t.data, t.heartbeat, t.worker, t.fairness_key, t.fairness_weight, t.cost
FROM placed AS p
INNER JOIN perdure.transfer_tasks AS t
    ON t.shard_id = p.shard_id
    AND t.run_id = p.run_id
    AND t.kind = %(kind)b::int8
    AND t.event_id = p.event_id
WHERE p.place <= %(limit)b::int8
ORDER BY p.fairness_key, p.place
