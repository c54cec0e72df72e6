-- What a migration needs itself: the schema, the ledger of steps, and the lock. Run each time, before the ledger is read.

-- step: schema
CREATE SCHEMA IF NOT EXISTS perdure;

-- step: schema_steps
CREATE TABLE IF NOT EXISTS perdure.schema_steps (
    step TEXT NOT NULL PRIMARY KEY,
    applied TIMESTAMPTZ NOT NULL
);

-- step: migration_lock
CREATE TABLE IF NOT EXISTS perdure.migration_lock (
    id SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    expires TIMESTAMPTZ NOT NULL
);
