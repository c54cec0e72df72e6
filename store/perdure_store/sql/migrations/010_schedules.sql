-- Schedules: what is started again and again.

-- step: schedules
-- One row a schedule. revision rises with each change: of two engines that carry one on, one finds that the row has moved
-- on. definition and progress are what engines write and read; no query looks into them.
CREATE TABLE IF NOT EXISTS perdure.schedules (
    namespace TEXT NOT NULL,
    schedule_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    next_us BIGINT NOT NULL,
    waits BOOLEAN NOT NULL,
    definition BYTEA NOT NULL,
    progress BYTEA NOT NULL,
    PRIMARY KEY (namespace, schedule_id)
);

-- step: schedules_due
-- What engines look for each second: only what is due is read, however many there are.
CREATE INDEX IF NOT EXISTS schedules_due
ON perdure.schedules (next_us, namespace, schedule_id);

-- step: schedules_waiting
-- Partial: those that something happens to when what they started is over.
CREATE INDEX IF NOT EXISTS schedules_waiting
ON perdure.schedules (namespace, schedule_id)
WHERE waits;
