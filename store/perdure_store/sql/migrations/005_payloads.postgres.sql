-- Storage settings that only Postgres has. They change speed and size, never meaning.

-- step: storage_payloads_data
-- What comes is compressed already: trying again would only cost time.
ALTER TABLE perdure.payloads
ALTER COLUMN data SET STORAGE EXTERNAL;

-- step: storage_payloads
-- As for the history: runs go as fast as they are written.
ALTER TABLE perdure.payloads
SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000);
