-- Which outstanding tasks run: what must not be published again when the streams are lost.

-- step: transfer_tasks_worker
-- The worker that reported to run the attempt, empty as long as none did. Engines of earlier versions do not write it:
-- what they were told to run is published again, as they would have done.
ALTER TABLE perdure.transfer_tasks
ADD COLUMN IF NOT EXISTS worker TEXT NOT NULL DEFAULT '';
