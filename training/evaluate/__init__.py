"""From adapters to figures with intervals."""
