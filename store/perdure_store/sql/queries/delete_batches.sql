-- Purpose: forget batch operations that were over long ago.
-- Rows: those.
-- Locks: those rows.
-- Index: none; a handful of rows, read once an hour.
-- Failure: none of its own.
DELETE FROM perdure.batch_operations
WHERE state > 1
    AND closed_us < %(closed_before_us)b::int8
