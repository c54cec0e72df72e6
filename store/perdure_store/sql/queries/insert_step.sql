-- Purpose: note that a step of the schema is in place.
-- Rows: one.
-- Locks: none.
-- Index: schema_steps primary key.
-- Failure: none of its own.
INSERT INTO perdure.schema_steps (step, applied)
VALUES (%(step)b::text, clock_timestamp())
ON CONFLICT (step) DO NOTHING
