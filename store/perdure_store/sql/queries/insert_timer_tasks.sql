-- Purpose: new timers.
-- Rows: one a timer.
-- Locks: none that another owner waits for.
-- Index: timer_tasks primary key.
-- Failure: 23505 when the timer exists.
INSERT INTO perdure.timer_tasks (shard_id, fire_at_us, run_id, kind, event_id, attempt)
SELECT x.shard_id, x.fire_at_us, x.run_id::uuid, x.kind, x.event_id, x.attempt
FROM unnest(
    %b::int8[], %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::int8[]
) AS x (shard_id, fire_at_us, run_id, kind, event_id, attempt)
