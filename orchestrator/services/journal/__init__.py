"""What survives a total loss of the store of records (ADR 0041)."""
