-- Purpose: end the sessions of a stopped owner that hold the row lock which session `pid` waits for.
-- Rows: one a session that was told to end.
-- Locks: none.
-- Index: none.
-- Failure: 42501 when the sessions belong to another role.
SELECT pg_terminate_backend(a.pid)
FROM pg_stat_activity AS a
WHERE a.pid = ANY (pg_blocking_pids(%(pid)b::int4))
    AND a.application_name LIKE 'perdure%%'
