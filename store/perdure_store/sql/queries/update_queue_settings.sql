-- Purpose: set a task queue anew.
-- Rows: one, or none where somebody else has set it meanwhile.
-- Locks: that row.
-- Index: task_queue_settings primary key.
-- Failure: none of its own.
UPDATE perdure.task_queue_settings
SET revision = %(revision)b::int8,
    data = %(data)b::bytea
WHERE namespace = %(namespace)b::text
    AND task_queue = %(task_queue)b::text
    AND kind = %(kind)b::int8
    AND revision = %(revision)b::int8 - 1
