-- Purpose: a page of the activities without a workflow of a namespace.
-- Rows: at most `limit`, newest first, behind a place; fewer where their entries have more than `bytes_max` bytes.
-- Locks: none.
-- Index: activity_executions_listed, the first ones of each shard in its order; primary keys of shards, activity_executions
--     and transfer_tasks. Of what is outstanding all is read: an index would cost each task its share of work.
-- Failure: none of its own.
SELECT
    p.number, p.run_id::text, p.activity_id, p.activity_type, p.task_queue, p.status, p.scheduled_us, p.close_time_us,
    p.search_attributes, p.entry
FROM (
    SELECT
        u.number, u.run_id, u.activity_id, u.activity_type, u.task_queue, u.status, u.scheduled_us, u.close_time_us,
        u.search_attributes, u.entry,
        sum(octet_length(u.entry)) OVER (ORDER BY u.number DESC, u.run_id DESC) - octet_length(u.entry) AS bytes_before
    FROM (
        (
            SELECT
                a.number, a.run_id, a.activity_id, a.activity_type, a.task_queue, a.status::int8 AS status,
                a.scheduled_us, a.close_time_us, coalesce(a.search_attributes::text, '') AS search_attributes,
                ''::bytea AS entry
            FROM perdure.shards AS s
            CROSS JOIN LATERAL (
                SELECT
                    e.number, e.run_id, e.activity_id, e.activity_type, e.task_queue, e.status, e.scheduled_us,
                    e.close_time_us, e.search_attributes
                FROM perdure.activity_executions AS e
                WHERE e.shard_id = s.shard_id
                    AND e.namespace = %(namespace)b::text
                    AND (%(any_status)b::bool OR e.status = ANY(%(statuses)b::int8[]))
                    AND (%(any_type)b::bool OR e.activity_type = ANY(%(types)b::text[]))
                    AND (%(any_task_queue)b::bool OR e.task_queue = ANY(%(task_queues)b::text[]))
                    AND (e.number, e.run_id) < (%(number)b::int8, %(run_id)b::text::uuid)
                ORDER BY e.number DESC, e.run_id DESC
                LIMIT %(limit)b::int8
            ) AS a
            ORDER BY a.number DESC, a.run_id DESC
            LIMIT %(limit)b::int8
        )
        UNION ALL
        (
            SELECT
                t.event_id, t.run_id, '', '', t.task_queue, 1::int8, 0::int8, 0::int8, '', t.data
            FROM perdure.transfer_tasks AS t
            WHERE %(is_open)b::bool
                AND t.namespace = %(namespace)b::text
                AND t.kind = 2
                AND t.event_id >= %(first_number)b::int8
                AND (%(any_task_queue)b::bool OR t.task_queue = ANY(%(task_queues)b::text[]))
                AND (t.event_id, t.run_id) < (%(number)b::int8, %(run_id)b::text::uuid)
                AND NOT EXISTS (
                    SELECT 1
                    FROM perdure.activity_executions AS k
                    WHERE k.shard_id = t.shard_id
                        AND k.run_id = t.run_id
                        AND k.number = t.event_id
                )
            ORDER BY t.event_id DESC, t.run_id DESC
            LIMIT %(limit)b::int8
        )
    ) AS u
    ORDER BY u.number DESC, u.run_id DESC
    LIMIT %(limit)b::int8
) AS p
WHERE p.bytes_before < %(bytes_max)b::int8
ORDER BY p.number DESC, p.run_id DESC
