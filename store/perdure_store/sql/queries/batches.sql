-- Purpose: the batch operations of a namespace, newest first.
-- Rows: at most `limit`.
-- Locks: none.
-- Index: batch_operations primary key: a handful of rows a namespace.
-- Failure: none of its own.
SELECT
    b.namespace, b.batch_id, b.revision, b.state, b.operation, b.query, b.reason, b.started_by, b.rate, b.cursor, b.total,
    b.done, b.failed, b.started_us, b.closed_us, b.message
FROM perdure.batch_operations AS b
WHERE b.namespace = %(namespace)b::text
ORDER BY b.started_us DESC, b.batch_id DESC
LIMIT %(limit)b::int8
