-- Purpose: take starts that are due, for as long as this transaction is open: it commits when an engine has confirmed
-- them; if the relay dies before, they are there again.
-- Rows: at most `count`, and of them as many as have `bytes` together, but at least one.
-- Locks: the rows taken; those that another relay has are skipped. Index: perdure_outbox_waiting.
-- Failure: the transaction ends, and nothing was taken.
-- Whatever is there is taken, never "what comes behind the last one": transactions commit in another order than that of
-- the ids that they drew.
-- An array, and not IN: when a vacuum has found the table empty, Postgres takes it for empty until it looks again, and
-- would join by reading all of it for each row.
WITH locked AS MATERIALIZED (
    SELECT id, octet_length(request) AS size
    FROM perdure_outbox
    WHERE refused_at IS NULL AND (due_at IS NULL OR due_at <= clock_timestamp())
    ORDER BY due_at NULLS FIRST, id
    LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
),
summed AS MATERIALIZED (
    SELECT id, sum(size) OVER (ORDER BY id) - size AS size_before FROM locked
)
DELETE FROM perdure_outbox
WHERE id = ANY (ARRAY(SELECT id FROM summed WHERE size_before < %(bytes)s))
RETURNING id, kind, namespace, execution_id, type, task_queue, request_id, request, enqueued_at, attempts
