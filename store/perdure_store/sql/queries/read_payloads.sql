-- Purpose: pieces of the data of one run.
-- Rows: one for each hash that the run has; none at all of a run of another namespace.
-- Locks: none.
-- Index: executions and payloads primary keys.
-- Failure: none of its own.
SELECT p.hash, p.data
FROM perdure.executions AS e
INNER JOIN perdure.payloads AS p
    ON p.shard_id = e.shard_id
    AND p.run_id = e.run_id
    AND p.hash = ANY(%(hashes)b::bytea[])
WHERE e.shard_id = %(shard_id)b::int8
    AND e.run_id = %(run_id)b::text::uuid
    AND e.namespace = %(namespace)b::text
