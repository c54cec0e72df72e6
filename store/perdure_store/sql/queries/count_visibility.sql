-- Purpose: how many runs a filter finds.
-- Rows: one.
-- Locks: none.
-- Index: whichever of executions_visibility the planner finds best for the given filter; it is planned each time.
-- Failure: none of its own.
SELECT count(*)
FROM perdure.executions_visibility
WHERE namespace = %(namespace)b::text
    AND (%(workflow_id)b::text = '' OR workflow_id = %(workflow_id)b::text)
    AND (%(workflow_type)b::text = '' OR workflow_type = %(workflow_type)b::text)
    AND status = ANY (%(statuses)b::int8[])
    AND start_time >= %(started_from)b::timestamptz
    AND start_time <= %(started_to)b::timestamptz
