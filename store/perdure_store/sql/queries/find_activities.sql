-- Purpose: executions of activities that requests name: by their number, or the last one of the activity id.
-- Rows: at most one a key; `position` is the key's.
-- Locks: none.
-- Index: activity_executions primary key; one probe each a key (see find_executions for LATERAL and LIMIT).
-- Failure: none of its own.
SELECT
    x.position, a.shard_id, a.run_id::text, a.number, a.namespace, a.activity_id, a.activity_type, a.task_queue,
    a.status, a.attempt, a.scheduled_us, a.close_time_us, a.expires_us, a.request_id,
    coalesce(a.search_attributes::text, ''), a.data
FROM unnest(%b::int8[], %b::int8[], %b::text[], %b::int8[]) AS x (position, shard_id, run_id, number)
CROSS JOIN LATERAL (
    SELECT
        e.shard_id, e.run_id, e.number, e.namespace, e.activity_id, e.activity_type, e.task_queue, e.status, e.attempt,
        e.scheduled_us, e.close_time_us, e.expires_us, e.request_id, e.search_attributes, e.data
    FROM perdure.activity_executions AS e
    WHERE e.shard_id = x.shard_id
        AND e.run_id = x.run_id::uuid
        AND (x.number = 0 OR e.number = x.number)
    ORDER BY e.number DESC
    LIMIT 1
) AS a
