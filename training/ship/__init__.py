"""An adapter into service, and out again."""
