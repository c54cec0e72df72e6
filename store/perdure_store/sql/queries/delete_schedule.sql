-- Purpose: forget a schedule.
-- Rows: one, or none.
-- Locks: that row.
-- Index: schedules primary key.
-- Failure: none of its own.
DELETE FROM perdure.schedules
WHERE namespace = %(namespace)b::text
    AND schedule_id = %(schedule_id)b::text
