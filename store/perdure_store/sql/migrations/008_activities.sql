-- Activities without a workflow. One that a worker takes from its task queue and completes is a row of transfer_tasks, then a
-- closed one here. One that waits, was tried before, or runs for long has a row here beside its task.

-- step: activity_executions
-- status 1 is open; a closed one has a close time. number rises with each execution of an activity id, whose run id is a
-- function of it. expires_us is 0 where the namespace says how long a closed one is kept.
CREATE TABLE IF NOT EXISTS perdure.activity_executions (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    namespace TEXT NOT NULL,
    activity_id TEXT NOT NULL,
    activity_type TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    status SMALLINT NOT NULL,
    attempt BIGINT NOT NULL,
    scheduled_us BIGINT NOT NULL,
    close_time_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    search_attributes JSONB,
    data BYTEA NOT NULL,
    PRIMARY KEY (shard_id, run_id, number)
);

-- step: activity_executions_closed
-- Closed ones of a shard and namespace, the longest closed first: what its janitor and lists read.
CREATE INDEX IF NOT EXISTS activity_executions_closed
ON perdure.activity_executions (shard_id, namespace, close_time_us)
WHERE status > 1;

-- step: activity_executions_expiring
-- Those that are kept for a time of their own.
CREATE INDEX IF NOT EXISTS activity_executions_expiring
ON perdure.activity_executions (shard_id, expires_us)
WHERE expires_us > 0;
