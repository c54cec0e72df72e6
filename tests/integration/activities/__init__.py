"""Activities end to end: real engine and workers, on the store and the broker in memory."""
