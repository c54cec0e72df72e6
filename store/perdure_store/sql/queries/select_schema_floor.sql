-- Purpose: the earliest schema version whose engines may work here.
-- Rows: one.
-- Locks: none.
-- Index: cluster primary key.
-- Failure: no row before the first migration has finished.
SELECT schema_floor
FROM perdure.cluster
WHERE id = 1
