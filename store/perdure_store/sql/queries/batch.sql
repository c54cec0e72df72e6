-- Purpose: one batch operation.
-- Rows: one, or none.
-- Locks: none.
-- Index: batch_operations primary key.
-- Failure: none of its own.
SELECT
    b.namespace, b.batch_id, b.revision, b.state, b.operation, b.query, b.reason, b.started_by, b.rate, b.cursor, b.total,
    b.done, b.failed, b.started_us, b.closed_us, b.message
FROM perdure.batch_operations AS b
WHERE b.namespace = %(namespace)b::text
    AND b.batch_id = %(batch_id)b::text
