-- Purpose: the settings of all task queues, for the engines that keep them.
-- Rows: one a queue that was ever set, of all namespaces.
-- Locks: none.
-- Index: task_queue_settings primary key.
-- Failure: none of its own.
SELECT q.namespace, q.task_queue, q.kind, q.revision, q.data
FROM perdure.task_queue_settings AS q
ORDER BY q.namespace, q.task_queue, q.kind
