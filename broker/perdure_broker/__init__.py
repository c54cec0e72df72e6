"""The broker: requests, tasks and replies on Redis Streams, or in memory.

Role: mechanism only (see `port`). `redis_broker.open_broker` and `leases.open_leases` open the real one,
`memory_server.MemoryServer` with `memory.MemoryBroker` the one in process. Imports nothing else of ours.
"""
