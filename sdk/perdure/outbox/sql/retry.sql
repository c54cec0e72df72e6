-- Purpose: have starts that were refused, or that wait for another attempt, tried at once.
-- Rows: those named, or all. Locks: theirs; one that a relay has just taken is waited for, and then it is settled.
-- Index: the primary key. Failure: nothing was changed.
UPDATE perdure_outbox
SET refused_at = NULL, due_at = NULL
WHERE (%(all)s OR id = ANY (%(ids)s)) AND (refused_at IS NOT NULL OR due_at IS NOT NULL)
RETURNING id
