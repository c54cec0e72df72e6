-- Purpose: finish tasks.
-- Rows: one a task; one that is not there is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: transfer_tasks primary key.
-- Failure: none of its own.
DELETE FROM perdure.transfer_tasks AS t
USING unnest(%b::int8[], %b::text[], %b::int8[], %b::int8[]) AS x (shard_id, run_id, kind, event_id)
WHERE t.shard_id = x.shard_id
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
