"""The decoder's forward and backward pass with kernels of our own, for training on a GPU."""
