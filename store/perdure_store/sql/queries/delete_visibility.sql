-- Purpose: take runs off the lists.
-- Rows: one a run; one that is not there is passed over.
-- Locks: those rows.
-- Index: executions_visibility primary key.
-- Failure: none of its own.
DELETE FROM perdure.executions_visibility AS v
USING unnest(%(run_ids)b::text[]) AS x (run_id)
WHERE v.namespace = %(namespace)b::text
    AND v.run_id = x.run_id::uuid
