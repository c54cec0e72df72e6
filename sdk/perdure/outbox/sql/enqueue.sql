-- Purpose: keep a start, and have relays told of it when (and only if) the caller's transaction commits.
-- Rows: one. Locks: none but the row's own. Index: the primary key, and that of what waits.
-- Failure: the caller's transaction fails, as by any other statement.
-- RETURNING names no column, so that an application needs no right but INSERT.
WITH added AS (
    INSERT INTO perdure_outbox (kind, namespace, execution_id, type, task_queue, request_id, request)
    VALUES (
        %(kind)s, %(namespace)s, %(execution_id)s, %(type)s, %(task_queue)s, %(request_id)s, %(request)s
    )
    RETURNING 1 AS one
)
SELECT pg_notify('perdure_outbox', '') FROM added
