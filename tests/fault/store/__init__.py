"""What the store does when its database is lost, late, or busy."""
