-- Purpose: an engine stops.
-- Rows: at most one.
-- Locks: that row.
-- Index: engine_nodes primary key.
-- Failure: none of its own.
DELETE FROM perdure.engine_nodes
WHERE node = %(node)b::text
