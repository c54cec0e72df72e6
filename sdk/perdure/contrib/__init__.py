"""What works together with other libraries; each module needs its own, and says which."""
