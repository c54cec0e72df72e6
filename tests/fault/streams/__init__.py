"""What queues on Redis have lost, leaked or done twice elsewhere, each as a test that it cannot happen here.

One test for each failure, named for it; its docstring says what happened to others, and what in Perdure prevents it.
They run on the embedded Valkey, on Debian's Redis where `redis-server` is on the PATH, and on a Redis Cluster and
Sentinels made of the embedded one, where the failure concerns those.

- `test_delivery`: entries that nobody sees, or that too many hold.
- `test_memory`: what stays in Redis.
- `test_long_tasks`: work that takes longer than a lease.
- `test_lost_workers`: reclaiming what dead workers hold.
- `test_lost_engine`: the sweeper, and the timers, of an engine that was killed.
- `test_lost_redis`: readers after a reconnect, a restart, a failover.
- `test_joins`: a parent that waits for its children.
"""
