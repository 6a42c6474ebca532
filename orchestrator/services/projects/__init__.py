"""Who may do what, and how much of it: keys, quotas and rates."""
