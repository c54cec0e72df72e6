-- What operators and lists need beside the runs: types of search attributes, batch operations, words about namespaces.

-- step: namespaces_description
ALTER TABLE perdure.namespaces
ADD COLUMN IF NOT EXISTS description TEXT NOT NULL DEFAULT '';

-- step: search_attributes
-- The type of each search attribute: the first use of a name decides it.
CREATE TABLE IF NOT EXISTS perdure.search_attributes (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    type SMALLINT NOT NULL CHECK (type BETWEEN 1 AND 7),
    PRIMARY KEY (namespace, name)
);

-- step: batch_operations
-- One operation on all runs that a query finds. revision rises with each change: of two engines that carry one out, one
-- finds that the row has moved on.
CREATE TABLE IF NOT EXISTS perdure.batch_operations (
    namespace TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    state SMALLINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    operation BYTEA NOT NULL,
    query TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_by TEXT NOT NULL,
    rate BIGINT NOT NULL,
    cursor BYTEA NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    started_us BIGINT NOT NULL,
    closed_us BIGINT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (namespace, batch_id)
);

-- step: batch_operations_running
-- What engines look for each second. Partial: nearly always empty.
CREATE INDEX IF NOT EXISTS batch_operations_running
ON perdure.batch_operations (started_us, namespace, batch_id)
WHERE state = 1;
