"""What a training writes: adapters, figures and the loss curve, and what it shows meanwhile."""
