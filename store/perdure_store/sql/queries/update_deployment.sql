-- Purpose: change a worker deployment.
-- Rows: one, or none where somebody else has changed it meanwhile.
-- Locks: that row.
-- Index: worker_deployments primary key.
-- Failure: none of its own.
UPDATE perdure.worker_deployments
SET revision = %(revision)b::int8,
    data = %(data)b::bytea
WHERE namespace = %(namespace)b::text
    AND name = %(name)b::text
    AND revision = %(revision)b::int8 - 1
