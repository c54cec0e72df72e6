-- Pieces of the statements of lists and counts, put together by `perdure_store.list_sql` for each query: names in braces
-- are other pieces, or placeholders of values that are bound. Nothing that a user wrote ever stands in the text.

-- fragment: page
SELECT
    v.namespace, CAST(v.run_id AS TEXT), v.workflow_id, v.workflow_type, v.task_queue, v.status, v.start_time,
    v.execution_time, v.close_time, v.history_length, v.history_size_bytes, v.memo,
    coalesce(CAST(v.search_attributes AS TEXT), ''), v.parent_workflow_id, v.parent_run_id, v.root_workflow_id,
    v.root_run_id, v.version
FROM perdure.executions_visibility AS v
WHERE v.namespace = %(namespace)b::text
    AND {where}
ORDER BY {order}
LIMIT %(limit)b::int8

-- fragment: page_by_status
-- In the order of time, where nothing but the time narrows the list: one short index range a status costs less than an index
-- more on every write. A status by itself, not a join with a list of them: the planner knows how many runs each one has.
SELECT
    v.namespace, CAST(v.run_id AS TEXT), v.workflow_id, v.workflow_type, v.task_queue, v.status, v.start_time,
    v.execution_time, v.close_time, v.history_length, v.history_size_bytes, v.memo,
    coalesce(CAST(v.search_attributes AS TEXT), ''), v.parent_workflow_id, v.parent_run_id, v.root_workflow_id,
    v.root_run_id, v.version
FROM {ranges} AS v
ORDER BY {order}
LIMIT %(limit)b::int8

-- fragment: range_of_status
(SELECT
    v.namespace, v.run_id, v.workflow_id, v.workflow_type, v.task_queue, v.status, v.start_time, v.execution_time,
    v.close_time, v.history_length, v.history_size_bytes, v.memo, v.search_attributes, v.parent_workflow_id,
    v.parent_run_id, v.root_workflow_id, v.root_run_id, v.version
FROM perdure.executions_visibility AS v
WHERE v.namespace = %(namespace)b::text
    AND v.status = {status}
    AND {where}
ORDER BY {order}
LIMIT %(limit)b::int8)

-- fragment: count
SELECT count(*)
FROM perdure.executions_visibility AS v
WHERE v.namespace = %(namespace)b::text
    AND {where}

-- fragment: count_by_group
SELECT {groups}, count(*)
FROM perdure.executions_visibility AS v
WHERE v.namespace = %(namespace)b::text
    AND {where}
GROUP BY {positions}
ORDER BY count(*) DESC, {order}
LIMIT %(limit)b::int8

-- fragment: WorkflowId
v.workflow_id
-- fragment: RunId
CAST(v.run_id AS TEXT)
-- fragment: WorkflowType
v.workflow_type
-- fragment: TaskQueue
v.task_queue
-- fragment: ExecutionStatus
v.status
-- fragment: StartTime
v.start_time
-- fragment: ExecutionTime
v.execution_time
-- fragment: CloseTime
v.close_time
-- fragment: ExecutionDuration
v.execution_duration_us
-- fragment: HistoryLength
nullif(v.history_length, 0)
-- fragment: HistorySizeBytes
nullif(v.history_size_bytes, 0)
-- fragment: ParentWorkflowId
nullif(v.parent_workflow_id, '')
-- fragment: ParentRunId
nullif(v.parent_run_id, '')
-- fragment: RootWorkflowId
nullif(v.root_workflow_id, '')
-- fragment: RootRunId
nullif(v.root_run_id, '')

-- fragment: attribute_keyword
(v.search_attributes ->> {key})
-- fragment: attribute_int
CAST(v.search_attributes ->> {key} AS BIGINT)
-- fragment: attribute_double
CAST(v.search_attributes ->> {key} AS FLOAT8)
-- fragment: attribute_bool
CAST(v.search_attributes ->> {key} AS BOOLEAN)
-- fragment: attribute_list
(v.search_attributes -> {key})

-- fragment: in
{value} = ANY ({bound})
-- fragment: not_in
{value} <> ALL ({bound})
-- fragment: run_ids
v.run_id = ANY (CAST({bound} AS UUID[]))
-- fragment: holds
v.search_attributes @> CAST({bound} AS JSONB)
-- fragment: less
{value} < {bound}
-- fragment: less_or_equal
{value} <= {bound}
-- fragment: greater
{value} > {bound}
-- fragment: greater_or_equal
{value} >= {bound}
-- fragment: equal
{value} = {bound}
-- fragment: starts_with
{value} LIKE {bound}
-- fragment: not_starts_with
{value} NOT LIKE {bound}
-- fragment: is_missing
{value} IS NULL
-- fragment: is_present
{value} IS NOT NULL
-- fragment: none_of
NOT ({condition})
-- fragment: nothing
FALSE
-- fragment: everything
TRUE
-- fragment: in_byte_order
{value} COLLATE "C"

-- fragment: ascending
{value} ASC
-- fragment: descending
{value} DESC
-- fragment: missing_last
{value} IS NULL, {ordered}
-- fragment: by_run_id
v.run_id DESC
-- fragment: older
(v.start_time, v.run_id) < ({time}, CAST({run_id} AS UUID))
-- fragment: run_id_below
v.run_id < CAST({run_id} AS UUID)

-- fragment: bound_text
%({name})b::text
-- fragment: bound_texts
%({name})b::text[]
-- fragment: bound_int
%({name})b::int8
-- fragment: bound_ints
%({name})b::int8[]
-- fragment: bound_double
%({name})b::float8
-- fragment: bound_doubles
%({name})b::float8[]
-- fragment: bound_bool
%({name})b::bool
-- fragment: bound_bools
%({name})b::bool[]
-- fragment: bound_time
%({name})b::timestamptz
-- fragment: bound_times
%({name})b::timestamptz[]
