"""Tensors: the forward pass, the 4-bit weights, the adapters, the sampler."""
