-- Purpose: be told of what is enqueued. Rows: none. Locks: none. Index: none. Failure: the relay looks by itself.
LISTEN perdure_outbox
