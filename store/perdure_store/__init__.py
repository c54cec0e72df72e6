"""The store: rows and bytes, durable, behind one port.

Role: mechanism only. It imports nothing else of ours and knows no event. `port` says what an engine may ask;
`postgres` (Postgres and CockroachDB) and `memory` keep it; `open_store` chooses by address.
"""

from perdure_store.open import open_store

__all__ = ["open_store"]
