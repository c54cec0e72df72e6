-- Purpose: let several create the table at once; IF NOT EXISTS alone may end one of them with an error.
-- Rows: none. Locks: an advisory one, until the transaction ends. Index: none. Failure: none of its own.
SELECT pg_advisory_xact_lock(hashtext('perdure_outbox'))
