-- Purpose: note a worker deployment that nobody knew.
-- Rows: one, or none where somebody else was first.
-- Locks: that row.
-- Index: worker_deployments primary key.
-- Failure: none of its own.
INSERT INTO perdure.worker_deployments (namespace, name, revision, data)
VALUES (%(namespace)b::text, %(name)b::text, %(revision)b::int8, %(data)b::bytea)
ON CONFLICT DO NOTHING
