"""An engine without weights that answers by script."""
