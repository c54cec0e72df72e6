-- Purpose: tell relays to look. In a transaction: when it commits. Rows: none. Locks: at commit, that of the queue of
-- notifications. Index: none. Failure: they look by themselves, later.
SELECT pg_notify('perdure_outbox', '')
