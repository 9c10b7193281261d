"""The CPU's own kernels: compiled at the first start for the processor that runs them."""
