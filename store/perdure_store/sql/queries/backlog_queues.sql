-- Purpose: which queues have a backlog, and how long it is.
-- Rows: one a queue and kind, in order.
-- Locks: none.
-- Index: transfer_tasks_backlog or transfer_tasks_keys, whole: its cost grows with the backlog.
-- Failure: none of its own.
SELECT namespace, task_queue, kind, count(*)
FROM perdure.transfer_tasks
WHERE backlog
GROUP BY namespace, task_queue, kind
ORDER BY namespace, task_queue, kind
