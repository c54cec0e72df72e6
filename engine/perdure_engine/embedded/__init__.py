"""Servers carried in wheels, for `perdure dev`, examples and tests: no root, no Docker.

Role: each module starts and stops one kind of server in a data directory. Production uses servers of its own; nothing
else of the engine imports this package.
"""
