"""What a training leaves behind: adapters, figures, curves."""
