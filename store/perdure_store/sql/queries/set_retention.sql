-- Purpose: say how long a namespace keeps its closed runs.
-- Rows: one.
-- Locks: that row.
-- Index: namespaces primary key.
-- Failure: 23514 when it is not above 0.
INSERT INTO perdure.namespaces AS n (namespace, retention_ms, created_us)
VALUES (
    %(namespace)b::text,
    %(retention_ms)b::int8,
    CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)
)
ON CONFLICT (namespace) DO UPDATE
SET retention_ms = excluded.retention_ms
