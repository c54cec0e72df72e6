-- Purpose: forget engines that ended without saying so.
-- Rows: those untouched for so many seconds, by the database's clock.
-- Locks: those rows.
-- Index: engine_nodes, whole.
-- Failure: none of its own.
DELETE FROM perdure.engine_nodes
WHERE touched < clock_timestamp() - %(age_s)b::int8 * INTERVAL '1 second'
