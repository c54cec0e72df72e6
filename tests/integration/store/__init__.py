"""What only a real database can show of the store."""
