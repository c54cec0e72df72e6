"""The language that clients, workers and engines speak, and its codec.

Role: every message and every stored record is a `typing.NamedTuple`, numbered and listed here. A tuple packs to a
msgpack array in C, with no conversion in Python, which is what the hot path is made of.

Rules:
- No I/O, and no import of anything else of ours.
- Fields are only ever appended, with a default: a reader that is older drops what it does not know, a reader that is
  newer fills in the default. A field that changes its meaning is a new message.
- Times are integer microseconds since 1970 UTC (`_us`), durations integer milliseconds (`_ms`), 0 meaning "none".
- Payloads (user data) are opaque `bytes` here (see `payload.py`): an engine never decodes them.
- Run ids are canonical lower-case UUID text.
"""
