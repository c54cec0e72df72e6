"""Programs that were written for other libraries, by a change of their import lines."""
