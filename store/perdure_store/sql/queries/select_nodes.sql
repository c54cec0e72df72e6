-- Purpose: every engine's counter.
-- Rows: one an engine, in order of name.
-- Locks: none.
-- Index: engine_nodes, whole.
-- Failure: none of its own.
SELECT node, beats
FROM perdure.engine_nodes
ORDER BY node
