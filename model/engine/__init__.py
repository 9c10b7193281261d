"""Continuous batching in plain Python: token ids in, token ids out, no torch."""
