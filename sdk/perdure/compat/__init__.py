"""Other task queues' interfaces, on Perdure."""
