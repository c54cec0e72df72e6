-- Purpose: how long each namespace keeps its closed runs.
-- Rows: one a namespace that says so.
-- Locks: none.
-- Index: namespaces primary key.
-- Failure: none of its own.
SELECT n.namespace, n.retention_ms
FROM perdure.namespaces AS n
ORDER BY n.namespace
