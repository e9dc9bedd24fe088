"""What does a worker do when a message rings: rounds, sending, digests, recovery."""
