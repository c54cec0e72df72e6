-- Purpose: shut out the engines made for an earlier schema, if none of them runs.
-- Rows: one, or none when such an engine has given a sign of life lately, by the database's clock.
-- Locks: the row of the cluster.
-- Index: cluster primary key; engine_nodes, whole.
-- Failure: none of its own.
UPDATE perdure.cluster
SET schema_floor = %(floor)b::int8
WHERE id = 1
    AND schema_floor <= %(floor)b::int8
    AND NOT EXISTS (
        SELECT 1
        FROM perdure.engine_nodes AS n
        WHERE n.schema_version < %(floor)b::int8
            AND n.touched > clock_timestamp() - %(age_s)b::int8 * INTERVAL '1 second'
    )
RETURNING schema_floor
