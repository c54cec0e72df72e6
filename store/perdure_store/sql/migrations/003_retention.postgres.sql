-- Vacuum for tables from which runs are now deleted as fast as they are written. The share of dead rows says little of a
-- table that holds days of runs: a fiftieth of it is looked after at a time, and never less than 20,000 rows.

-- step: storage_history_events
ALTER TABLE perdure.history_events
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);

-- step: storage_request_results
ALTER TABLE perdure.request_results
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);

-- step: storage_snapshots
-- Large rows that a later one of the same run replaces: few dead ones are much space.
ALTER TABLE perdure.snapshots
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
