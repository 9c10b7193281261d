"""The training of the course project that this one grew from, repeated beside our own."""
