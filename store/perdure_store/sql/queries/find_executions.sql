-- Purpose: the runs that requests name: the open run of a workflow id, its last closed run, and a run by its id.
-- Rows: at most three a key; `position` is the key's. An empty workflow id or run id finds nothing.
-- Locks: none.
-- Index: executions_open, executions_closed, executions primary key; one probe each a key.
-- Failure: none of its own.
-- Why LATERAL and LIMIT: as a join, the planner reads the whole index of open runs when it believes it to be small, and
-- compares each with each (measured: 5.8 ms instead of 0.8 ms for 140 keys under load).
WITH x AS (
    SELECT u.position, u.shard_id, u.namespace, u.workflow_id, u.run_id
    FROM unnest(
        %b::int8[], %b::int8[], %b::text[], %b::text[], %b::text[]
    ) AS u (position, shard_id, namespace, workflow_id, run_id)
)
SELECT
    x.position, o.shard_id, o.run_id::text, o.namespace, o.workflow_id, o.workflow_type, o.task_queue, o.status,
    o.start_time_us, o.close_time_us, o.history_length, o.history_size_bytes
FROM x
CROSS JOIN LATERAL (
    SELECT
        e.shard_id, e.run_id, e.namespace, e.workflow_id, e.workflow_type, e.task_queue, e.status, e.start_time_us,
        e.close_time_us, e.history_length, e.history_size_bytes
    FROM perdure.executions AS e
    WHERE e.shard_id = x.shard_id
        AND e.namespace = x.namespace
        AND e.workflow_id = x.workflow_id
        AND e.status = 1
    LIMIT 1
) AS o
UNION ALL
SELECT
    x.position, c.shard_id, c.run_id::text, c.namespace, c.workflow_id, c.workflow_type, c.task_queue, c.status,
    c.start_time_us, c.close_time_us, c.history_length, c.history_size_bytes
FROM x
CROSS JOIN LATERAL (
    SELECT
        e.shard_id, e.run_id, e.namespace, e.workflow_id, e.workflow_type, e.task_queue, e.status, e.start_time_us,
        e.close_time_us, e.history_length, e.history_size_bytes
    FROM perdure.executions AS e
    WHERE e.shard_id = x.shard_id
        AND e.namespace = x.namespace
        AND e.workflow_id = x.workflow_id
        AND e.status <> 1
    ORDER BY e.close_time_us DESC, e.run_id DESC
    LIMIT 1
) AS c
UNION ALL
SELECT
    x.position, e.shard_id, e.run_id::text, e.namespace, e.workflow_id, e.workflow_type, e.task_queue, e.status,
    e.start_time_us, e.close_time_us, e.history_length, e.history_size_bytes
FROM x
INNER JOIN perdure.executions AS e
    ON e.shard_id = x.shard_id
    AND e.run_id = nullif(x.run_id, '')::uuid
