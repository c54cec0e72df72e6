"""The frontend: what clients ask of the cluster rather than of one shard.

Role: answers from the store, for any engine alike. It changes nothing but dead letters.
"""
