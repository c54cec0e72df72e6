-- Purpose: note how far schedules have come.
-- Rows: the keys of those that were at the revision before; the others were changed by somebody else, or are gone.
-- Locks: those rows.
-- Index: schedules primary key; moves the row in schedules_due.
-- Failure: none of its own.
UPDATE perdure.schedules AS s
SET revision = x.revision,
    next_us = x.next_us,
    waits = x.waits <> 0,
    progress = x.progress
FROM unnest(
    %b::text[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::bytea[]
) AS x (namespace, schedule_id, revision, next_us, waits, progress)
WHERE s.namespace = x.namespace
    AND s.schedule_id = x.schedule_id
    AND s.revision = x.revision - 1
RETURNING s.namespace, s.schedule_id
