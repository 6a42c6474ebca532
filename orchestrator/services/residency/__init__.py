"""What is in the memory of each inference server, and whether that server is well (ADRs 0045, 0046)."""
