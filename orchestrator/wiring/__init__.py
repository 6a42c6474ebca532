"""Clients → adapters → services, for one kind of process a file. Nothing is made at import."""
