-- Large user data, kept once a run: what histories refer to by its hash.

-- step: payloads
-- A piece of the data of one run, compressed, under the hash of its content. Written by the commit whose history refers
-- to it first, never changed, and gone with its run. A value stays far below the size that CockroachDB wants of one.
CREATE TABLE IF NOT EXISTS perdure.payloads (
    shard_id SMALLINT NOT NULL,
    run_id UUID NOT NULL,
    hash BYTEA NOT NULL,
    data BYTEA NOT NULL CHECK (octet_length(data) <= 524288),
    PRIMARY KEY (shard_id, run_id, hash)
);
