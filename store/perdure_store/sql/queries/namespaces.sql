-- Purpose: what is known of namespaces.
-- Rows: one a registered namespace.
-- Locks: none.
-- Index: namespaces primary key.
-- Failure: none of its own.
SELECT n.namespace, n.retention_ms, n.created_us, n.description
FROM perdure.namespaces AS n
ORDER BY n.namespace
