-- Purpose: batch operations that are to be carried on.
-- Rows: nearly always none.
-- Locks: none.
-- Index: batch_operations_running.
-- Failure: none of its own.
SELECT
    b.namespace, b.batch_id, b.revision, b.state, b.operation, b.query, b.reason, b.started_by, b.rate, b.cursor, b.total,
    b.done, b.failed, b.started_us, b.closed_us, b.message
FROM perdure.batch_operations AS b
WHERE b.state = 1
ORDER BY b.started_us, b.namespace, b.batch_id
