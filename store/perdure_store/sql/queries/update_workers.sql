-- Purpose: keep which worker runs an attempt, as it reported. The task waits for no dispatcher any more.
-- Rows: one a task; one that is not there, or whose attempt is another, is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: transfer_tasks primary key; takes from transfer_tasks_backlog what waited.
-- Failure: none of its own.
UPDATE perdure.transfer_tasks AS t
SET worker = x.worker, backlog = FALSE
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::text[]
) AS x (shard_id, run_id, kind, event_id, attempt, worker)
WHERE t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
    AND t.attempt = x.attempt
