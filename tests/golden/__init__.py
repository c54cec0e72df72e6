"""What earlier versions wrote, byte for byte: this version must read it, and must not write otherwise unnoticed.

`wire/<codec version>.<revision>.json` holds one sample of every message, `histories/<name>.json` whole runs with the
snapshots taken on their way. A file is recorded once (`python -m tests.golden.record`) and never changed: histories and
entries of streams outlive the version that wrote them.
"""
