"""How fast Perdure is, beside others, on the same servers: `make bench`.

The rules of the measurement:

- Every contender runs on the same Postgres and the same Valkey, fsync and synchronous_commit on.
- Contenders take turns within a round, in an order that changes from round to round, and results are medians over the
  rounds: a machine that drifts while it measures drifts for all of them.
- Each turn starts from an empty database with fresh processes, and a checkpoint, so that nobody pays for the one
  before; then a warm-up, which is not counted.
- Perdure is measured through its public API with default settings: one engine, one worker and one client, each a
  process, one call a workflow.
- Peers are set up as their documentation has it for throughput; each module of `bench.contenders` says what that is.
- A task counts as executed when it has written its number down (`bench.tally`), Perdure's as everybody's; one that is
  missing, or there twice, fails the run.
- A number is quoted as a ratio to a contender measured in the same run, or not at all.
"""
