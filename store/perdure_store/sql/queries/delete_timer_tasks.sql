-- Purpose: remove timers that fired or were canceled.
-- Rows: one a timer; one that is not there is passed over.
-- Locks: those rows; only the shard's owner writes them.
-- Index: timer_tasks primary key.
-- Failure: none of its own.
DELETE FROM perdure.timer_tasks AS t
USING unnest(
    %b::int8[], %b::int8[], %b::text[], %b::int8[], %b::int8[]
) AS x (shard_id, fire_at_us, run_id, kind, event_id)
WHERE t.shard_id = x.shard_id
    AND t.fire_at_us = x.fire_at_us
    AND t.run_id = x.run_id::uuid
    AND t.kind = x.kind
    AND t.event_id = x.event_id
