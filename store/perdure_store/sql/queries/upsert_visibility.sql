-- Purpose: what lists show of runs.
-- Rows: one a run; a lower or equal version is ignored.
-- Locks: those rows.
-- Index: all of executions_visibility.
-- Failure: 21000 when a statement names a run twice.
INSERT INTO perdure.executions_visibility AS v (
    namespace, run_id, workflow_id, workflow_type, task_queue, status, start_time, execution_time, close_time,
    execution_duration_us, history_length, history_size_bytes, memo, search_attributes, parent_workflow_id,
    parent_run_id, root_workflow_id, root_run_id, version
)
SELECT
    x.namespace, x.run_id::uuid, x.workflow_id, x.workflow_type, x.task_queue, x.status,
    TIMESTAMPTZ '1970-01-01 00:00:00+00' + x.start_time_us * INTERVAL '1 microsecond',
    TIMESTAMPTZ '1970-01-01 00:00:00+00' + x.execution_time_us * INTERVAL '1 microsecond',
    TIMESTAMPTZ '1970-01-01 00:00:00+00' + nullif(x.close_time_us, 0) * INTERVAL '1 microsecond',
    nullif(x.close_time_us, 0) - x.execution_time_us,
    x.history_length, x.history_size_bytes, x.memo, nullif(x.search_attributes, '')::jsonb,
    x.parent_workflow_id, x.parent_run_id, x.root_workflow_id, x.root_run_id, x.version
FROM unnest(
    %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int8[], %b::int8[], %b::int8[], %b::int8[],
    %b::int8[], %b::int8[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::int8[]
) AS x (
    namespace, run_id, workflow_id, workflow_type, task_queue, status, start_time_us, execution_time_us, close_time_us,
    history_length, history_size_bytes, memo, search_attributes, parent_workflow_id, parent_run_id, root_workflow_id,
    root_run_id, version
)
ON CONFLICT (namespace, run_id) DO UPDATE
SET workflow_id = excluded.workflow_id,
    workflow_type = excluded.workflow_type,
    task_queue = excluded.task_queue,
    status = excluded.status,
    start_time = excluded.start_time,
    execution_time = excluded.execution_time,
    close_time = excluded.close_time,
    execution_duration_us = excluded.execution_duration_us,
    history_length = excluded.history_length,
    history_size_bytes = excluded.history_size_bytes,
    memo = excluded.memo,
    search_attributes = excluded.search_attributes,
    parent_workflow_id = excluded.parent_workflow_id,
    parent_run_id = excluded.parent_run_id,
    root_workflow_id = excluded.root_workflow_id,
    root_run_id = excluded.root_run_id,
    version = excluded.version
WHERE v.version < excluded.version
