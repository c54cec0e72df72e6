-- Purpose: keep a start that no engine has confirmed: for another time, or, if it was refused for good, until somebody
-- retries it. In the transaction that took it.
-- Rows: one. Locks: none but its own. Index: as `enqueue`. Failure: nothing was taken.
INSERT INTO perdure_outbox (
    id, kind, namespace, execution_id, type, task_queue, request_id, request, enqueued_at, attempts,
    due_at, refused_at, reason
)
VALUES (
    %(id)s, %(kind)s, %(namespace)s, %(execution_id)s, %(type)s, %(task_queue)s, %(request_id)s, %(request)s,
    %(enqueued_at)s, %(attempts)s,
    CASE WHEN %(refused)s THEN NULL ELSE clock_timestamp() + make_interval(secs => %(wait_s)s) END,
    CASE WHEN %(refused)s THEN clock_timestamp() ELSE NULL END,
    %(reason)s
)
