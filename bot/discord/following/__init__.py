"""What becomes of a message that asks, from its first event to its last."""
