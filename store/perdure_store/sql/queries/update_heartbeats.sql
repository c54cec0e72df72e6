-- Purpose: keep the last heartbeat of running tasks.
-- Rows: one a task; one that is not there is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: transfer_tasks primary key.
-- Failure: none of its own.
UPDATE perdure.transfer_tasks AS t
SET heartbeat = x.heartbeat
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::bytea[]
) AS x (shard_id, run_id, kind, event_id, heartbeat)
WHERE t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
