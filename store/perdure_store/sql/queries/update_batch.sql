-- Purpose: note how far a batch operation has come.
-- Rows: one, or none where somebody else has changed it meanwhile.
-- Locks: that row.
-- Index: batch_operations primary key.
-- Failure: none of its own.
UPDATE perdure.batch_operations
SET revision = %(revision)b::int8,
    state = %(state)b::int8,
    operation = %(operation)b::bytea,
    query = %(query)b::text,
    reason = %(reason)b::text,
    started_by = %(started_by)b::text,
    rate = %(rate)b::int8,
    cursor = %(cursor)b::bytea,
    total = %(total)b::int8,
    done = %(done)b::int8,
    failed = %(failed)b::int8,
    started_us = %(started_us)b::int8,
    closed_us = %(closed_us)b::int8,
    message = %(message)b::text
WHERE namespace = %(namespace)b::text
    AND batch_id = %(batch_id)b::text
    AND revision = %(revision)b::int8 - 1
