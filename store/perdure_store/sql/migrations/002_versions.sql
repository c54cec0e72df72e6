-- Which versions of the engine run, and which may: what an upgrade without a pause rests on.

-- step: engine_nodes_schema_version
-- The schema that an engine was made for. Engines of version 1 do not say it.
ALTER TABLE perdure.engine_nodes
ADD COLUMN IF NOT EXISTS schema_version BIGINT NOT NULL DEFAULT 1;

-- step: cluster_schema_floor
-- Engines made for an earlier schema than this one may not work here: steps were taken that wait for their end.
ALTER TABLE perdure.cluster
ADD COLUMN IF NOT EXISTS schema_floor BIGINT NOT NULL DEFAULT 1;
