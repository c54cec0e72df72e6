"""Fixtures for every suite, as plugins: one module a server or concern."""

pytest_plugins = [
    "tests.fix_cluster",
    "tests.fix_postgres",
    "tests.fix_proxy",
    "tests.fix_redis",
    "tests.fix_redis_deployments",
    "tests.watchdog",
]
