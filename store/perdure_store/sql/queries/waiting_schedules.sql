-- Purpose: the schedules that wait for the end of what they started.
-- Rows: at most the limit, by namespace and id.
-- Locks: none.
-- Index: schedules_waiting.
-- Failure: none of its own.
SELECT s.namespace, s.schedule_id, s.revision, s.next_us, s.waits, s.definition, s.progress
FROM perdure.schedules AS s
WHERE s.waits
    AND (s.namespace, s.schedule_id) > (%(after_namespace)b::text, %(after_id)b::text)
ORDER BY s.namespace, s.schedule_id
LIMIT %(limit)b::int8
