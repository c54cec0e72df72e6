-- The first schema. One idempotent statement a step; valid on Postgres 14+ and CockroachDB 24.1+.
-- Keys of the hot tables lead with shard_id: a shard has one writer, so its rows are never contended, and sequential keys
-- of different shards do not meet in one range. Times are microseconds since 1970 UTC.

-- step: cluster
-- One row: who this cluster is, and how many shards it was made with.
CREATE TABLE IF NOT EXISTS perdure.cluster (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    cluster_id UUID NOT NULL,
    shard_count BIGINT NOT NULL CHECK (shard_count BETWEEN 1 AND 32767)
);

-- step: shards
-- The fence (range_id, commit_seq) and the inbox cursor of each shard: updated by every commit, so no further index.
CREATE TABLE IF NOT EXISTS perdure.shards (
    shard_id SMALLINT NOT NULL PRIMARY KEY,
    range_id BIGINT NOT NULL CHECK (range_id >= 0),
    owner TEXT NOT NULL,
    commit_seq BIGINT NOT NULL CHECK (commit_seq >= 0),
    inbox_epoch TEXT NOT NULL,
    inbox_cursor TEXT NOT NULL,
    next_task_id BIGINT NOT NULL,
    time_us BIGINT NOT NULL
);

-- step: executions
-- One row a run. status 1 is open; a closed run has a close time.
CREATE TABLE IF NOT EXISTS perdure.executions (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    namespace TEXT NOT NULL,
    workflow_id TEXT NOT NULL,
    workflow_type TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    status SMALLINT NOT NULL,
    start_time_us BIGINT NOT NULL,
    close_time_us BIGINT NOT NULL,
    history_length BIGINT NOT NULL,
    history_size_bytes BIGINT NOT NULL,
    PRIMARY KEY (shard_id, run_id)
);

-- step: executions_open
-- At most one open run a workflow id; also how it is found.
CREATE UNIQUE INDEX IF NOT EXISTS executions_open
ON perdure.executions (shard_id, namespace, workflow_id)
WHERE status = 1;

-- step: executions_closed
-- The last closed run of a workflow id. Partial, so that an open run pays for one index and a closed one for the other.
CREATE INDEX IF NOT EXISTS executions_closed
ON perdure.executions (shard_id, namespace, workflow_id, close_time_us DESC, run_id DESC)
WHERE status <> 1;

-- step: history_events
-- Append-only: one row for what one batch appended to one run.
CREATE TABLE IF NOT EXISTS perdure.history_events (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    batch_no BIGINT NOT NULL CHECK (batch_no >= 1),
    first_event_id BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (shard_id, run_id, batch_no)
);

-- step: snapshots
-- The mutable state of a run after history row batch_no, in chunks below the size that CockroachDB wants of a value.
CREATE TABLE IF NOT EXISTS perdure.snapshots (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    chunk_no BIGINT NOT NULL CHECK (chunk_no >= 0),
    batch_no BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (shard_id, run_id, chunk_no)
);

-- step: transfer_tasks
-- Outstanding tasks: a row lives until its task is finished, so the streams can be rebuilt from this table.
CREATE TABLE IF NOT EXISTS perdure.transfer_tasks (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    kind SMALLINT NOT NULL,
    event_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    namespace TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    priority SMALLINT NOT NULL,
    backlog BOOLEAN NOT NULL,
    created_us BIGINT NOT NULL,
    data BYTEA NOT NULL,
    heartbeat BYTEA NOT NULL,
    PRIMARY KEY (shard_id, run_id, kind, event_id)
);

-- step: transfer_tasks_backlog
-- What a queue's dispatcher reads; led by the queue, since it takes from all shards. Empty while streams have room.
CREATE INDEX IF NOT EXISTS transfer_tasks_backlog
ON perdure.transfer_tasks (namespace, task_queue, kind, priority, shard_id, task_id)
WHERE backlog;

-- step: timer_tasks
CREATE TABLE IF NOT EXISTS perdure.timer_tasks (
    shard_id SMALLINT NOT NULL,
    fire_at_us BIGINT NOT NULL,
    run_id UUID NOT NULL,
    kind SMALLINT NOT NULL,
    event_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    PRIMARY KEY (shard_id, fire_at_us, run_id, kind, event_id)
);

-- step: request_results
-- Witnesses that a request took effect on a run; kept longer than senders retry.
CREATE TABLE IF NOT EXISTS perdure.request_results (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    request_id TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (shard_id, run_id, request_id)
);

-- step: request_results_created
CREATE INDEX IF NOT EXISTS request_results_created
ON perdure.request_results (shard_id, created_us);

-- step: dead_letters
CREATE TABLE IF NOT EXISTS perdure.dead_letters (
    shard_id SMALLINT NOT NULL,
    letter_id UUID NOT NULL,
    created_us BIGINT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (shard_id, letter_id)
);

-- step: dead_letters_letter
-- An operator names a letter without its shard. Not a hot table.
CREATE INDEX IF NOT EXISTS dead_letters_letter
ON perdure.dead_letters (letter_id);

-- step: dead_letters_created
CREATE INDEX IF NOT EXISTS dead_letters_created
ON perdure.dead_letters (created_us, letter_id);

-- step: namespaces
CREATE TABLE IF NOT EXISTS perdure.namespaces (
    namespace TEXT NOT NULL PRIMARY KEY,
    retention_ms BIGINT NOT NULL CHECK (retention_ms > 0),
    created_us BIGINT NOT NULL
);

-- step: namespace_default
-- Closed runs of the default namespace are kept for 72 hours.
INSERT INTO perdure.namespaces (namespace, retention_ms, created_us)
VALUES ('default', 259200000, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT))
ON CONFLICT (namespace) DO NOTHING;

-- step: task_queue_settings
CREATE TABLE IF NOT EXISTS perdure.task_queue_settings (
    namespace TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    kind SMALLINT NOT NULL,
    lease_ms BIGINT NOT NULL CHECK (lease_ms > 0),
    PRIMARY KEY (namespace, task_queue, kind)
);

-- step: engine_nodes
-- A counter that each engine raises; the others judge by their own clocks whether it still moves.
CREATE TABLE IF NOT EXISTS perdure.engine_nodes (
    node TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    beats BIGINT NOT NULL,
    touched TIMESTAMPTZ NOT NULL
);

-- step: executions_visibility
-- What lists and counts read; behind by a moment. version keeps late writes out.
CREATE TABLE IF NOT EXISTS perdure.executions_visibility (
    namespace TEXT NOT NULL,
    run_id UUID NOT NULL,
    workflow_id TEXT NOT NULL,
    workflow_type TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    status SMALLINT NOT NULL,
    start_time TIMESTAMPTZ NOT NULL,
    execution_time TIMESTAMPTZ NOT NULL,
    close_time TIMESTAMPTZ,
    execution_duration_us BIGINT,
    history_length BIGINT NOT NULL,
    history_size_bytes BIGINT NOT NULL,
    state_transition_count BIGINT NOT NULL DEFAULT 0,
    memo BYTEA NOT NULL,
    memo_encoding TEXT NOT NULL DEFAULT 'msgpack',
    search_attributes JSONB,
    parent_workflow_id TEXT NOT NULL,
    parent_run_id TEXT NOT NULL,
    root_workflow_id TEXT NOT NULL,
    root_run_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (namespace, run_id)
);

-- step: executions_visibility_type
CREATE INDEX IF NOT EXISTS executions_visibility_type
ON perdure.executions_visibility (namespace, workflow_type, start_time DESC, run_id DESC);

-- step: executions_visibility_workflow_id
CREATE INDEX IF NOT EXISTS executions_visibility_workflow_id
ON perdure.executions_visibility (namespace, workflow_id, start_time DESC, run_id DESC);

-- step: executions_visibility_status
CREATE INDEX IF NOT EXISTS executions_visibility_status
ON perdure.executions_visibility (namespace, status, start_time DESC, run_id DESC);

-- step: executions_visibility_closed
CREATE INDEX IF NOT EXISTS executions_visibility_closed
ON perdure.executions_visibility (namespace, status, close_time DESC, run_id DESC)
WHERE close_time IS NOT NULL;

-- step: executions_visibility_attributes
CREATE INDEX IF NOT EXISTS executions_visibility_attributes
ON perdure.executions_visibility USING GIN (search_attributes)
WHERE search_attributes IS NOT NULL;
