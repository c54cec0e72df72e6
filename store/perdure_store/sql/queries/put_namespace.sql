-- Purpose: register a namespace, or change it.
-- Rows: one.
-- Locks: that row.
-- Index: namespaces primary key.
-- Failure: 23514 when the retention is not above 0.
INSERT INTO perdure.namespaces AS n (namespace, retention_ms, created_us, description)
VALUES (%(namespace)b::text, %(retention_ms)b::int8, %(created_us)b::int8, %(description)b::text)
ON CONFLICT (namespace) DO UPDATE
SET retention_ms = excluded.retention_ms,
    description = excluded.description
