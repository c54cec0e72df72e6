"""What earlier versions wrote, byte for byte: this version must read it, and must not write otherwise unnoticed.

- `wire/<codec version>.<revision>.json`: one sample of every message;
- `histories/<name>.json`: whole runs, with the snapshots taken on their way;
- `statements/<schema version>.json`: the SQL of released engines.

A file is recorded once (`python -m tests.golden.record`; at a release `python -m tests.golden.record statements`) and
never changed: histories, entries of streams and running engines outlive the version that wrote them.
"""
