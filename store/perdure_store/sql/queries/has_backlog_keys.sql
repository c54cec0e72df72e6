-- Purpose: whether any task of a queue's backlog has a fairness key.
-- Rows: the priorities at which one has.
-- Locks: none.
-- Index: transfer_tasks_keys, one probe a priority.
-- Failure: none of its own.
SELECT p.priority
FROM unnest(%(priorities)b::int8[]) AS p (priority)
WHERE EXISTS (
    SELECT 1
    FROM perdure.transfer_tasks AS t
    WHERE t.backlog
        AND t.namespace = %(namespace)b::text
        AND t.task_queue = %(task_queue)b::text
        AND t.kind = %(kind)b::int8
        AND t.priority = p.priority
        AND t.fairness_key > ''
)
ORDER BY p.priority
