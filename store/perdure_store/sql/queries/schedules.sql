-- Purpose: a page of the schedules of a namespace.
-- Rows: at most the limit, by id.
-- Locks: none.
-- Index: schedules primary key.
-- Failure: none of its own.
SELECT s.namespace, s.schedule_id, s.revision, s.next_us, s.waits, s.definition, s.progress
FROM perdure.schedules AS s
WHERE s.namespace = %(namespace)b::text
    AND s.schedule_id > %(after_id)b::text
ORDER BY s.schedule_id
LIMIT %(limit)b::int8
