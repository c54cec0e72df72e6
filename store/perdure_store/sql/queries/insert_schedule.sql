-- Purpose: create a schedule.
-- Rows: one, or none where there is one of this id.
-- Locks: that row.
-- Index: schedules primary key.
-- Failure: none of its own.
INSERT INTO perdure.schedules (namespace, schedule_id, revision, next_us, waits, definition, progress)
VALUES (
    %(namespace)b::text, %(schedule_id)b::text, %(revision)b::int8, %(next_us)b::int8, %(waits)b::bool,
    %(definition)b::bytea, %(progress)b::bytea
)
ON CONFLICT (namespace, schedule_id) DO NOTHING
