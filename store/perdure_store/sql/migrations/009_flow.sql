-- Flow control: whose turn it is among the tasks of a queue, and how fast and how many at a time a queue hands out.

-- step: transfer_tasks_fairness_key
-- Tasks of different keys share their queue fairly. Engines of earlier versions know none: their tasks have the empty one.
ALTER TABLE perdure.transfer_tasks
ADD COLUMN IF NOT EXISTS fairness_key TEXT NOT NULL DEFAULT '';

-- step: transfer_tasks_fairness_weight
-- The share of the key, in thousandths.
ALTER TABLE perdure.transfer_tasks
ADD COLUMN IF NOT EXISTS fairness_weight BIGINT NOT NULL DEFAULT 1000;

-- step: transfer_tasks_cost
-- What a task takes from the rates of its queue and its key.
ALTER TABLE perdure.transfer_tasks
ADD COLUMN IF NOT EXISTS cost BIGINT NOT NULL DEFAULT 1;

-- step: transfer_tasks_keys
-- What a queue's dispatcher reads where tasks have keys: each key by itself, so that a long one hides no other.
CREATE INDEX IF NOT EXISTS transfer_tasks_keys
ON perdure.transfer_tasks (namespace, task_queue, kind, priority, fairness_key, shard_id, task_id)
WHERE backlog;

-- step: task_queue_settings_revision
-- Rises with each change: of two who change a queue, one finds that the row has moved on.
ALTER TABLE perdure.task_queue_settings
ADD COLUMN IF NOT EXISTS revision BIGINT NOT NULL DEFAULT 1;

-- step: task_queue_settings_data
-- What engines write and read; no query looks into it.
ALTER TABLE perdure.task_queue_settings
ADD COLUMN IF NOT EXISTS data BYTEA NOT NULL DEFAULT '';
