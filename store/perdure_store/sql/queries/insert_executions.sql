-- Purpose: new runs.
-- Rows: one a run.
-- Locks: none that another owner waits for.
-- Index: executions primary key, and executions_open or executions_closed.
-- Failure: 23505 when the run exists, or its workflow id has an open run.
INSERT INTO perdure.executions (
    shard_id, run_id, namespace, workflow_id, workflow_type, task_queue, status, start_time_us, close_time_us,
    history_length, history_size_bytes
)
SELECT
    x.shard_id, x.run_id::uuid, x.namespace, x.workflow_id, x.workflow_type, x.task_queue, x.status, x.start_time_us,
    x.close_time_us, x.history_length, x.history_size_bytes
FROM unnest(
    %b::int8[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int8[], %b::int8[], %b::int8[],
    %b::int8[], %b::int8[]
) AS x (
    shard_id, run_id, namespace, workflow_id, workflow_type, task_queue, status, start_time_us, close_time_us,
    history_length, history_size_bytes
)
