"""`perdure.outbox`, without a database."""
