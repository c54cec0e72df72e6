"""The history service: owns shards, and turns their inboxes into committed transitions.

Role: the numbered contract of a batch: read (`intake`), load (`loading`), decide (`deciding`, `reading`), commit
(`committing`), and only then let anything leave (`releasing`). What goes wrong on the way ends in one of two things:
the same batch is sent again, or its shards are rewound to what is durable and their inboxes read again from there
(`rewinding`).
"""
