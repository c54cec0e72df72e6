-- Purpose: begin a batch operation.
-- Rows: one, or none where there is one of this id.
-- Locks: that row.
-- Index: batch_operations primary key.
-- Failure: none of its own.
INSERT INTO perdure.batch_operations (
    namespace, batch_id, revision, state, operation, query, reason, started_by, rate, cursor, total, done, failed,
    started_us, closed_us, message
)
VALUES (
    %(namespace)b::text, %(batch_id)b::text, %(revision)b::int8, %(state)b::int8, %(operation)b::bytea,
    %(query)b::text, %(reason)b::text, %(started_by)b::text, %(rate)b::int8, %(cursor)b::bytea, %(total)b::int8,
    %(done)b::int8, %(failed)b::int8, %(started_us)b::int8, %(closed_us)b::int8, %(message)b::text
)
ON CONFLICT (namespace, batch_id) DO NOTHING
