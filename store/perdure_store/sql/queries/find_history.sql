-- Purpose: the history of runs that are being loaded, after their snapshot.
-- Rows: the batches of each run after the snapshot, in order.
-- Locks: none.
-- Index: history_events and snapshots primary keys.
-- Failure: none of its own.
SELECT h.shard_id, h.run_id::text, h.batch_no, h.first_event_id, h.data
FROM unnest(%b::int8[], %b::text[]) AS x (shard_id, run_id)
INNER JOIN perdure.history_events AS h
    ON h.shard_id = x.shard_id
    AND h.run_id = x.run_id::uuid
    AND h.batch_no > coalesce(
        (
            SELECT s.batch_no
            FROM perdure.snapshots AS s
            WHERE s.shard_id = x.shard_id
                AND s.run_id = x.run_id::uuid
                AND s.chunk_no = 0
        ),
        0
    )
ORDER BY h.shard_id, h.run_id, h.batch_no
