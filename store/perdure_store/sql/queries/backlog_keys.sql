-- Purpose: which fairness keys have backlog in a queue, without reading the backlog.
-- Rows: at most `limit` pairs of priority and key behind the given one, in order.
-- Locks: none.
-- Index: transfer_tasks_keys, one probe a pair.
-- Failure: none of its own.
WITH RECURSIVE keys AS (
    (
        SELECT t.priority, t.fairness_key, 1::int8 AS place
        FROM perdure.transfer_tasks AS t
        WHERE t.backlog
            AND t.namespace = %(namespace)b::text
            AND t.task_queue = %(task_queue)b::text
            AND t.kind = %(kind)b::int8
            AND (t.priority, t.fairness_key) > (%(after_priority)b::int8, %(after_key)b::text)
        ORDER BY t.priority, t.fairness_key
        LIMIT 1
    )
    UNION ALL
    SELECT n.priority, n.fairness_key, k.place + 1
    FROM keys AS k
    CROSS JOIN LATERAL (
        SELECT t.priority, t.fairness_key
        FROM perdure.transfer_tasks AS t
        WHERE t.backlog
            AND t.namespace = %(namespace)b::text
            AND t.task_queue = %(task_queue)b::text
            AND t.kind = %(kind)b::int8
            AND (t.priority, t.fairness_key) > (k.priority, k.fairness_key)
        ORDER BY t.priority, t.fairness_key
        LIMIT 1
    ) AS n
    WHERE k.place < %(limit)b::int8
)
SELECT k.priority, k.fairness_key
FROM keys AS k
ORDER BY k.priority, k.fairness_key
