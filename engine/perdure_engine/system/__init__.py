"""The system worker of one engine: what nobody asks for and must be done all the same. `retention` forgets old runs."""
