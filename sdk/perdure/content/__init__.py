"""Large values, kept once a run: how they are cut, sent, and read again (`perdure.protocol.content` has the forms)."""
