-- Purpose: forget a worker deployment.
-- Rows: one, or none where somebody else has changed it meanwhile.
-- Locks: that row.
-- Index: worker_deployments primary key.
-- Failure: none of its own.
DELETE FROM perdure.worker_deployments
WHERE namespace = %(namespace)b::text
    AND name = %(name)b::text
    AND revision = %(revision)b::int8
