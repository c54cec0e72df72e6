"""Flow control on real servers."""
