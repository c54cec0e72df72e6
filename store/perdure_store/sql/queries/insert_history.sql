-- Purpose: append to histories.
-- Rows: one for each run that the batch touched.
-- Locks: none that another owner waits for.
-- Index: history_events primary key.
-- Failure: 23505 when the run has that batch already.
INSERT INTO perdure.history_events (shard_id, run_id, batch_no, first_event_id, data)
SELECT x.shard_id, x.run_id::uuid, x.batch_no, x.first_event_id, x.data
FROM unnest(
    %b::int8[], %b::text[], %b::int8[], %b::int8[], %b::bytea[]
) AS x (shard_id, run_id, batch_no, first_event_id, data)
