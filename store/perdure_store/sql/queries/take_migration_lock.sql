-- Purpose: become the one who migrates, or stay it. A row with an expiry, since advisory locks are not everywhere.
-- Rows: one when the lock is free, mine, or expired; else none.
-- Locks: the lock row.
-- Index: migration_lock primary key.
-- Failure: none of its own.
INSERT INTO perdure.migration_lock AS l (id, owner, expires)
VALUES (1, %(owner)b::text, clock_timestamp() + %(seconds)b::int8 * INTERVAL '1 second')
ON CONFLICT (id) DO UPDATE
SET owner = excluded.owner,
    expires = excluded.expires
WHERE l.owner = excluded.owner
    OR l.expires < clock_timestamp()
RETURNING l.owner
