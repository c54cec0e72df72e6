-- Storage settings that only Postgres has. They change speed and size, never meaning.

-- step: storage_activity_executions
-- As for the runs: tasks go as fast as they are written.
ALTER TABLE perdure.activity_executions
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);
