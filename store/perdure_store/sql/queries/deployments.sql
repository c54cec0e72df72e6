-- Purpose: all worker deployments, for the engines that route by them.
-- Rows: one a deployment, of all namespaces.
-- Locks: none.
-- Index: worker_deployments primary key.
-- Failure: none of its own.
SELECT d.namespace, d.name, d.revision, d.data
FROM perdure.worker_deployments AS d
ORDER BY d.namespace, d.name
