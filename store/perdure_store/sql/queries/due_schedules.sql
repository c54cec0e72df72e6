-- Purpose: the schedules that there is something to do about, those due first before the others.
-- Rows: at most the limit.
-- Locks: none.
-- Index: schedules_due.
-- Failure: none of its own.
SELECT s.namespace, s.schedule_id, s.revision, s.next_us, s.waits, s.definition, s.progress
FROM perdure.schedules AS s
WHERE s.next_us <= %(until_us)b::int8
    AND (s.next_us, s.namespace, s.schedule_id)
    > (%(after_us)b::int8, %(after_namespace)b::text, %(after_id)b::text)
ORDER BY s.next_us, s.namespace, s.schedule_id
LIMIT %(limit)b::int8
