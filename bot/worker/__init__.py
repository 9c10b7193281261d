"""The bot's way to its worker: starting it, watching it, asking it."""
