-- Purpose: which database this is, and which version of it.
-- Rows: one.
-- Locks: none.
-- Index: none.
-- Failure: none of its own.
SELECT version()
