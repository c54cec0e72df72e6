-- Purpose: which engines made for an earlier schema run.
-- Rows: those that have given a sign of life lately, by the database's clock, in order of name.
-- Locks: none.
-- Index: engine_nodes, whole.
-- Failure: none of its own.
SELECT node, schema_version
FROM perdure.engine_nodes
WHERE schema_version < %(floor)b::int8
    AND touched > clock_timestamp() - %(age_s)b::int8 * INTERVAL '1 second'
ORDER BY node
