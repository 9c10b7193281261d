"""The front ends of this machine: a terminal, or a pipe."""
