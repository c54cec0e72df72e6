-- Purpose: change what a schedule is.
-- Rows: one, or none where somebody else has changed it meanwhile.
-- Locks: that row.
-- Index: schedules primary key; moves the row in schedules_due.
-- Failure: none of its own.
UPDATE perdure.schedules
SET revision = %(revision)b::int8,
    next_us = %(next_us)b::int8,
    waits = %(waits)b::bool,
    definition = %(definition)b::bytea,
    progress = %(progress)b::bytea
WHERE namespace = %(namespace)b::text
    AND schedule_id = %(schedule_id)b::text
    AND revision = %(revision)b::int8 - 1
