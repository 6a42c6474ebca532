"""What a client does with its tasks: submit, ask, change, end."""
