"""What every store must do: one suite for memory, Postgres and CockroachDB."""
