-- Purpose: how many activities without a workflow of a namespace there are.
-- Rows: one.
-- Locks: none.
-- Index: activity_executions_listed, of each shard and alone; the primary keys, as for list_activities.
-- Failure: none of its own.
SELECT (
    SELECT count(*)
    FROM perdure.shards AS s
    INNER JOIN perdure.activity_executions AS a
        ON a.shard_id = s.shard_id
    WHERE a.namespace = %(namespace)b::text
        AND (%(any_status)b::bool OR a.status = ANY(%(statuses)b::int8[]))
        AND (%(any_type)b::bool OR a.activity_type = ANY(%(types)b::text[]))
        AND (%(any_task_queue)b::bool OR a.task_queue = ANY(%(task_queues)b::text[]))
) + (
    SELECT count(*)
    FROM perdure.transfer_tasks AS t
    WHERE %(is_open)b::bool
        AND %(any_type)b::bool
        AND t.namespace = %(namespace)b::text
        AND t.kind = 2
        AND t.event_id >= %(first_number)b::int8
        AND (%(any_task_queue)b::bool OR t.task_queue = ANY(%(task_queues)b::text[]))
        AND NOT EXISTS (
            SELECT 1
            FROM perdure.activity_executions AS k
            WHERE k.shard_id = t.shard_id
                AND k.run_id = t.run_id
                AND k.number = t.event_id
        )
)
