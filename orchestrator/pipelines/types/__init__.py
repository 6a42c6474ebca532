"""One file a task type. They do not know one another."""
