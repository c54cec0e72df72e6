-- Purpose: a page of the runs of one workflow id, newest start first.
-- Rows: at most `limit`, by start time and run id, descending, below `(before_time, before_run_id)`.
-- Locks: none.
-- Index: executions_visibility_workflow_id; type and status filter.
-- Failure: none of its own.
SELECT
    namespace, run_id::text, workflow_id, workflow_type, task_queue, status, start_time, execution_time, close_time,
    history_length, history_size_bytes, memo, coalesce(search_attributes::text, ''), parent_workflow_id, parent_run_id,
    root_workflow_id, root_run_id, version
FROM perdure.executions_visibility AS v
WHERE namespace = %(namespace)b::text
    AND workflow_id = %(workflow_id)b::text
    AND (%(workflow_type)b::text = '' OR workflow_type = %(workflow_type)b::text)
    AND status = ANY (%(statuses)b::int8[])
    AND start_time >= %(started_from)b::timestamptz
    AND start_time <= %(started_to)b::timestamptz
    AND (start_time, run_id) < (%(before_time)b::timestamptz, %(before_run_id)b::text::uuid)
ORDER BY v.start_time DESC, v.run_id DESC
LIMIT %(limit)b::int8
