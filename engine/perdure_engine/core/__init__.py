"""The rules: what a run is, and what a request does to it.

Role: `decide(state, request, now)` returns a `Transition`: the records to append, and the effects (tasks, timers, a
close, a reply) that the caller must persist, then carry out. State changes only by applying records, so that the state
in memory is always the fold of what is stored.

Rules: no I/O, no clock (time is an argument), no randomness, no logging, nothing asynchronous, no iteration over sets.
One machine a file: `workflow_execution`, `workflow_task`, `activity`, `timer`, `signal`, `cancellation`.
"""
