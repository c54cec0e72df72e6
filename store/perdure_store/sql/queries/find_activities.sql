-- Purpose: executions of activities that requests name, by their number or as the last one of the activity id; and the task
--     of the id that is outstanding.
-- Rows: at most one a key; `position` is the key's. Columns of what is missing are null.
-- Locks: none.
-- Index: primary keys of activity_executions and transfer_tasks; one probe each a key (see find_executions for LATERAL and
--     LIMIT).
-- Failure: none of its own.
SELECT
    x.position, a.shard_id, a.run_id::text, a.number, a.namespace, a.activity_id, a.activity_type, a.task_queue,
    a.status, a.attempt, a.scheduled_us, a.close_time_us, a.expires_us, a.request_id,
    coalesce(a.search_attributes::text, ''), a.data, t.shard_id, t.run_id::text, t.kind, t.event_id, t.attempt,
    t.task_id, t.namespace, t.task_queue, t.priority, t.backlog, t.created_us, t.data, t.heartbeat, t.worker
FROM unnest(%b::int8[], %b::int8[], %b::text[], %b::int8[]) AS x (position, shard_id, run_id, number)
LEFT JOIN LATERAL (
    SELECT
        e.shard_id, e.run_id, e.number, e.namespace, e.activity_id, e.activity_type, e.task_queue, e.status, e.attempt,
        e.scheduled_us, e.close_time_us, e.expires_us, e.request_id, e.search_attributes, e.data
    FROM perdure.activity_executions AS e
    WHERE e.shard_id = x.shard_id
        AND e.run_id = x.run_id::uuid
        AND (x.number = 0 OR e.number = x.number)
    ORDER BY e.number DESC
    LIMIT 1
) AS a ON TRUE
LEFT JOIN LATERAL (
    SELECT
        o.shard_id, o.run_id, o.kind, o.event_id, o.attempt, o.task_id, o.namespace, o.task_queue, o.priority,
        o.backlog, o.created_us, o.data, o.heartbeat, o.worker
    FROM perdure.transfer_tasks AS o
    WHERE o.shard_id = x.shard_id
        AND o.run_id = x.run_id::uuid
        AND o.kind = 2
    ORDER BY o.event_id DESC
    LIMIT 1
) AS t ON TRUE
WHERE a.shard_id IS NOT NULL
    OR t.shard_id IS NOT NULL
