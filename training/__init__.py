"""From comment/reply pairs to a measured adapter."""
