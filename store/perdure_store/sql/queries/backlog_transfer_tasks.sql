-- Purpose: mark tasks that no stream took: they wait for their queue's dispatcher, behind those that wait already.
-- Rows: one a task; one that is not there is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: transfer_tasks primary key; adds to transfer_tasks_backlog.
-- Failure: none of its own.
UPDATE perdure.transfer_tasks AS t
SET backlog = TRUE, task_id = x.task_id
FROM unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[]) AS x (shard_id, run_id, kind, event_id, task_id)
WHERE t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
