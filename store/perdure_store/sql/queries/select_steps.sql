-- Purpose: which steps of the schema are in place.
-- Rows: one a step, in order.
-- Locks: none.
-- Index: schema_steps, whole.
-- Failure: 42P01 or 3F000 before the first migration.
SELECT step
FROM perdure.schema_steps
ORDER BY step
