"""The embedded stack: the real servers and our own processes as children of one supervisor, without a container."""
