"""Workflow code, run deterministically: history events in, commands out, synchronous and without I/O."""
