-- Purpose: a page of runs by status, newest start first. Without a wish, `statuses` holds all of them: one short index
-- range each costs less than an index more on every write.
-- Rows: at most `limit`, by start time and run id, descending, below `(before_time, before_run_id)`.
-- Locks: none.
-- Index: executions_visibility_status, one range a status; the other wishes filter.
-- Failure: none of its own.
SELECT
    v.namespace, v.run_id::text, v.workflow_id, v.workflow_type, v.task_queue, v.status, v.start_time, v.execution_time,
    v.close_time, v.history_length, v.history_size_bytes, v.memo, coalesce(v.search_attributes::text, ''), v.parent_workflow_id,
    v.parent_run_id, v.root_workflow_id, v.root_run_id, v.version
FROM unnest(%(statuses)b::int8[]) AS x (status)
CROSS JOIN LATERAL (
    SELECT
        e.namespace, e.run_id, e.workflow_id, e.workflow_type, e.task_queue, e.status, e.start_time, e.execution_time,
        e.close_time, e.history_length, e.history_size_bytes, e.memo, e.search_attributes, e.parent_workflow_id,
        e.parent_run_id, e.root_workflow_id, e.root_run_id, e.version
    FROM perdure.executions_visibility AS e
    WHERE e.namespace = %(namespace)b::text
        AND e.status = x.status
        AND e.start_time >= %(started_from)b::timestamptz
        AND e.start_time <= %(started_to)b::timestamptz
        AND (e.start_time, e.run_id) < (%(before_time)b::timestamptz, %(before_run_id)b::text::uuid)
    ORDER BY e.start_time DESC, e.run_id DESC
    LIMIT %(limit)b::int8
) AS v
ORDER BY v.start_time DESC, v.run_id DESC
LIMIT %(limit)b::int8
