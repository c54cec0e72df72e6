-- Purpose: one schedule.
-- Rows: one, or none.
-- Locks: none.
-- Index: schedules primary key.
-- Failure: none of its own.
SELECT s.namespace, s.schedule_id, s.revision, s.next_us, s.waits, s.definition, s.progress
FROM perdure.schedules AS s
WHERE s.namespace = %(namespace)b::text
    AND s.schedule_id = %(schedule_id)b::text
