-- Storage settings that only Postgres has. They change speed and size, never meaning.

-- step: storage_shards
-- Each commit updates a row of each shard that it touches, hundreds of times a second. Room on the page keeps those
-- updates off the index (HOT) and lets the page clean itself; the table is a handful of pages either way.
ALTER TABLE perdure.shards
SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- step: storage_engine_nodes
ALTER TABLE perdure.engine_nodes
SET (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- step: storage_transfer_tasks
-- Rows live for milliseconds or wait in a long backlog: the share of dead rows says nothing, their number does. A tenth of
-- each page is left to heartbeats, which change no index.
ALTER TABLE perdure.transfer_tasks
SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- step: storage_timer_tasks
ALTER TABLE perdure.timer_tasks
SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- step: storage_executions
-- Each run leaves one dead row, at its close. A fifth of all rows (the default) would be millions.
ALTER TABLE perdure.executions
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);

-- step: storage_executions_visibility
ALTER TABLE perdure.executions_visibility
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);
