-- Worker deployments: which versions of workers there are, and where runs are sent.

-- step: worker_deployments
-- One row a deployment; engines read all of them each second. revision rises with each change: of two who change one,
-- one finds that the row has moved on. data is what engines write and read; no query looks into it.
CREATE TABLE IF NOT EXISTS perdure.worker_deployments (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (namespace, name)
);
