"""The matching service: hands backlog to the streams, and takes tasks back from workers that are gone.

Role: each queue has one dispatcher among the live engines. It is the only publisher of the queue's backlog
(`dispatching`), and it watches the leases of what was delivered (`leases`). Matching changes no run: it publishes rows,
and reports lost workers through the inbox of the shard.
"""
