-- Purpose: how long the backlogs of a namespace's queues are, and since when their oldest task waits.
-- Rows: one a queue and kind that has some, in order.
-- Locks: none.
-- Index: transfer_tasks_backlog or transfer_tasks_keys, the part of the namespace: its cost grows with the backlog.
-- Failure: none of its own.
SELECT task_queue, kind, count(*), min(created_us)
FROM perdure.transfer_tasks
WHERE backlog
    AND namespace = %(namespace)b::text
    AND (%(task_queue)b::text = '' OR task_queue = %(task_queue)b::text)
GROUP BY task_queue, kind
ORDER BY task_queue, kind
