-- Purpose: let others migrate.
-- Rows: at most one.
-- Locks: the lock row.
-- Index: migration_lock primary key.
-- Failure: none of its own.
DELETE FROM perdure.migration_lock
WHERE owner = %(owner)b::text
