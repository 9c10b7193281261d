"""Decode steps on a GPU: own kernels over 4-bit weights, replayed as CUDA graphs."""
