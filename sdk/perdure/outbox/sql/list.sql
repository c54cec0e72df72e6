-- Purpose: show what is in the outbox, what was refused first. Rows: at most `count`. Locks: none. Index: none: a table
-- that is drained is short. Failure: none of its own.
SELECT id, kind, namespace, execution_id, type, task_queue, enqueued_at, attempts, due_at, refused_at, reason
FROM perdure_outbox
WHERE refused_at IS NOT NULL OR NOT %(refused)s
ORDER BY refused_at NULLS LAST, id
LIMIT %(count)s
