-- Lists of activities without a workflow, newest first.

-- step: activity_executions_listed
-- What a list may ask for, in its order: a page is put together from the first ones of each shard, and a count reads nothing
-- else. An entry costs each activity a fifth of what its row costs.
CREATE INDEX IF NOT EXISTS activity_executions_listed
ON perdure.activity_executions (shard_id, namespace, number, run_id) INCLUDE (status, task_queue, activity_type);
