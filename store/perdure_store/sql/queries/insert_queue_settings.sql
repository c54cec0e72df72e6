-- Purpose: set a task queue that was never set before.
-- Rows: one, or none where somebody else was first.
-- Locks: that row.
-- Index: task_queue_settings primary key.
-- Failure: none of its own. The lease is that of engines; nobody reads it from here.
INSERT INTO perdure.task_queue_settings (namespace, task_queue, kind, lease_ms, revision, data)
VALUES (%(namespace)b::text, %(task_queue)b::text, %(kind)b::int8, 30000, %(revision)b::int8, %(data)b::bytea)
ON CONFLICT DO NOTHING
